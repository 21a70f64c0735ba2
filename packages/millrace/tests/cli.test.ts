import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { testStack, uniqueName } from '../../../tests/support/stack.ts';
import { main } from '../src/cli/program.ts';
import { eventually } from './control-support.ts';

const bin = fileURLToPath(new URL('../bin/millrace.js', import.meta.url));
const project = fileURLToPath(new URL('./fixtures/project', import.meta.url));
const dagId = uniqueName('shop').replaceAll('-', '_');
const env = {
  TEST_TEMPORAL: testStack().temporal.address,
  TEST_QUEUE: uniqueName('cli'),
  TEST_DAG: dagId,
  GREETING: 'hello-from-a-secret',
  MILLRACE_ENV: '',
};

/** The command in a process of its own, as a person calls it. */
const start = (args: readonly string[], more: Readonly<Record<string, string>> = {}, cwd = project) =>
  execa(process.execPath, [bin, ...args], { cwd, env: { ...env, ...more }, reject: false, forceKillAfterDelay: 5_000 });

/** The same in this process, for speed: what differs is only what `main` is given. */
async function inProcess(args: readonly string[], more: Readonly<Record<string, string>> = {}, cwd = project) {
  const written = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = { stdout: into('stdout'), stderr: into('stderr'), cwd, variables: { ...env, ...more } };
  const exitCode = await main(args, io);
  return { exitCode, stdout: written.stdout.trimEnd(), stderr: written.stderr.trimEnd() };
}
const millrace = async (...args: string[]) => await inProcess(args);

let folder: string;
beforeAll(async () => {
  process.env.TEST_DAG = dagId; // the project file reads it when it is loaded
  folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('without a server, the command line', () => {
  it('explains itself, and ends with 2 when it is used wrongly', async () => {
    const help = await start(['run', '--help']);
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain('--wait');
    for (const wrong of [['runn'], ['run'], ['run', dagId, '--dat', '2003-01-01'], ['runs', '--limit', 'no']]) {
      const { exitCode, stderr } = await inProcess(wrong);
      expect([wrong, exitCode]).toEqual([wrong, 2]);
      expect(stderr).toContain('error:');
    }
  });

  it('validates DAGs, settings and secrets', async () => {
    const fine = await millrace('validate');
    expect(fine).toMatchObject({ exitCode: 0 });
    expect(fine.stdout).toContain('Environment dev: settings and secrets are in order.');
    expect(fine.stdout).toMatch(new RegExp(`^${dagId}: 8 nodes, plan [0-9a-f]{12}$`, 'm'));
    const prod = await inProcess(['validate', '--env', 'prod', '--json'], { LAKE_KEY: '' });
    expect(prod.exitCode).toBe(1);
    expect(JSON.parse(prod.stderr)).toMatchObject({ error: { code: 'MR5003', subject: 'prod' } });
    expect(prod.stderr).toMatch(/LAKE_KEY.*ORDERS_PASSWORD/);
    expect((await millrace('validate', '--env', 'prod', '--no-secrets')).exitCode).toBe(0);
    const unknown = await start(['validate'], { MILLRACE_ENV: 'staging' });
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toBe(
      'MR5002: There is no environment "staging".\n  The project has dev, prod. Choose with --env or MILLRACE_ENV.\n  More: docs/errors/MR5002.md',
    );
  });

  it('shows a plan as a tree and as data', async () => {
    const tree = await millrace('plan', dagId);
    expect(tree.stdout.split('\n').slice(1)).toEqual([
      'What the tests of the command line run.',
      '├─ list',
      '├─ land [each] ← list',
      '│  └─ land',
      '├─ hold ← land',
      '├─ choose-mode [choose] ← hold',
      '│  full:',
      '│     └─ full',
      '│  quick:',
      '│     └─ quick',
      expect.stringMatching(/^└─ alarm ← oneFailed\(land\)/),
    ]);
    expect(tree.stdout).toContain('0 2 * * * America/New_York');
    const data = await millrace('plan', dagId, '--json');
    expect(JSON.parse(data.stdout)).toMatchObject({ dag: dagId, schemaVersion: 1, hash: expect.any(String) });
    const unknown = await millrace('plan', 'shopp');
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toContain(`MR2601: The project has no DAG "shopp".\n  It has: ${dagId}.`);
  });

  it('says so when there is no project, and when there is no server', async () => {
    const none = await inProcess(['validate'], {}, folder);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('MR5005');
    const noServer = await start(['worker'], { TEST_TEMPORAL: '127.0.0.1:1' });
    expect(noServer.exitCode).toBe(1);
    expect(noServer.stderr).toMatch(/MR2014.*127\.0\.0\.1:1/);
    expect(noServer.stdout).toBe('services closed');
  });
});

describe('a worker', () => {
  it('does not start anything while a secret is missing', async () => {
    const { exitCode, stdout, stderr } = await millrace('worker', '--env', 'prod');
    expect(exitCode).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^MR5003: Environment prod lacks 2 secrets: LAKE_KEY, ORDERS_PASSWORD\./);
  });

  it('says when it is ready, and lets running tasks finish when it is told to stop', async () => {
    const queue = { TEST_QUEUE: uniqueName('cli') };
    const worker = start(['worker', '--json'], queue);
    const ready = await readyLine(worker);
    expect(JSON.parse(ready)).toMatchObject({
      ready: true,
      environment: 'dev',
      address: env.TEST_TEMPORAL,
      namespace: 'default',
      taskQueue: queue.TEST_QUEUE,
      pid: worker.pid,
      dags: [dagId],
    });
    const until = join(folder, 'drain');
    const params = JSON.stringify({ until });
    const { stdout } = await inProcess(['run', dagId, '--date', '2001-01-01', '--params', params, '--json'], queue);
    const { workflowId } = JSON.parse(stdout) as { workflowId: string };
    const held = async () => {
      const { stdout: text } = await inProcess(['status', workflowId, '--json'], queue);
      const view = JSON.parse(text) as { nodes: { id: string; state: string }[] };
      return view.nodes.find((node) => node.id === 'hold')?.state;
    };
    await eventually(async () => ((await held()) === 'running' ? true : undefined));
    worker.kill('SIGTERM');
    await eventually(async () => (stderrOf(worker).includes('SIGTERM: stopping') ? true : undefined));
    await writeFile(until, '');
    const ended = await worker;
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout.split('\n').at(-1)).toBe('services closed');
    // Nothing answers a query now; the task's end is in the history all the same.
    expect(await held()).toBe('success');
  });
});

describe('with a worker, the command line', () => {
  let worker: ReturnType<typeof start>;
  beforeAll(async () => {
    worker = start(['worker']);
    expect(await readyLine(worker)).toBe(
      `Worker ready: ${env.TEST_TEMPORAL}, namespace default, task queue ${env.TEST_QUEUE}, DAGs ${dagId}.`,
    );
  });
  afterAll(async () => {
    worker.kill('SIGTERM');
    await worker;
  });

  it('runs a day and shows its progress', async () => {
    const { exitCode, stdout } = await millrace('run', dagId, '--date', '2002-01-01', '--wait');
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ''));
    expect(lines).toContainEqual(expect.stringMatching(/^list {2}success {2}\d+ms {2}2 rows$/));
    expect(lines).toContainEqual(expect.stringMatching(/^land\[1\] {2}success/));
    expect(lines.at(-1)).toMatch(new RegExp(`^${dagId}/2002-01-01 succeeded after .*: 5 done, 2 skipped\\.$`));
    expect(stdout).not.toContain(env.GREETING);
  });

  it('ends with 3 when the run failed, and retries what failed', async () => {
    const failWhile = join(folder, 'torn');
    await writeFile(failWhile, '');
    const params = JSON.stringify({ failWhile });
    const id = `${dagId}/2002-02-01..2002-03-01`;
    const range = ['--from', '2002-02-01', '--to', '2002-03-01'];
    const failed = await millrace('run', dagId, ...range, '--params', params, '--wait', '--json');
    expect(failed.exitCode).toBe(3);
    expect(JSON.parse(failed.stdout)).toMatchObject({ workflowId: id, status: 'failed' });
    expect(failed.stderr).toMatch(/✗ land\[1\]: .*File b is torn\./);
    const status = await millrace('status', id);
    expect(status.exitCode).toBe(0);
    expect(status.stdout).toMatch(/^✗ land\[…\] +failed .*2 of 2$/m);
    expect(status.stdout).toMatch(/^✓ alarm +success/m);
    await rm(failWhile);
    const retried = await millrace('retry', id, '--wait');
    expect(retried.exitCode).toBe(0);
    expect(retried.stdout).toContain(`${id} succeeded`);
    const again = await millrace('retry', id);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('MR2506');
  });

  it('leaves the run going when the waiting is interrupted', async () => {
    const until = join(folder, 'interrupted');
    const id = `${dagId}/2002-03-03`;
    const waiting = start(['run', dagId, '--date', '2002-03-03', '--params', JSON.stringify({ until }), '--wait']);
    await eventually(async () => (stdoutOf(waiting).includes('hold  running') ? true : undefined));
    waiting.kill('SIGINT');
    const { exitCode, stderr } = await waiting;
    expect(exitCode).toBe(130);
    expect(stderr).toContain(`millrace status ${id}`);
    const twice = await millrace('run', dagId, '--date', '2002-03-03');
    expect(twice.exitCode).toBe(1);
    expect(twice.stderr).toContain('MR2502');
    await writeFile(until, '');
    expect((await millrace('run', dagId, '--date', '2002-03-03', '--attach', '--wait')).exitCode).toBe(0);
  });

  it('cancels a run', async () => {
    const id = `${dagId}/2002-04-04`;
    const params = JSON.stringify({ until: join(folder, 'never') });
    await millrace('run', dagId, '--date', '2002-04-04', '--params', params);
    expect((await millrace('cancel', id)).stdout).toBe(`Cancelling ${id}.`);
    const ended = await millrace('status', id, '--wait');
    expect(ended.exitCode).toBe(3);
    expect(ended.stdout).toContain(`${id} was cancelled`);
  });

  it('refuses wrong parameters and intervals before it starts anything', async () => {
    const refused = async (...args: string[]) => {
      const { exitCode, stderr } = await millrace('run', dagId, ...args);
      return `${exitCode} ${/MR\d{4}/.exec(stderr)?.[0]}`;
    };
    expect(await refused('--date', '2002-02-30')).toBe('1 MR2510');
    expect(await refused('--from', '2002-02-01')).toBe('1 MR2602');
    expect(await refused('--date', '2002-05-01', '--params', '{mode:')).toBe('1 MR2603');
    expect(await refused('--date', '2002-05-01', '--params', '{"mode":"slow"}')).toBe('1 MR1021');
    expect((await millrace('status', `${dagId}/2002-05-01`)).stderr).toContain('MR2503');
  });

  it('backfills days, lists runs', async () => {
    const { exitCode, stdout } = await millrace('backfill', dagId, '--from', '2002-06-01', '--to', '2002-06-03');
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual([
      `2002-06-01  success  ${dagId}/2002-06-01`,
      `2002-06-02  success  ${dagId}/2002-06-02`,
    ]);
    const listed = await eventually(async () => {
      const found = JSON.parse((await millrace('runs', dagId, '--limit', '2', '--json')).stdout) as object[];
      return found.length === 2 ? found : undefined;
    });
    expect(listed[0]).toMatchObject({ workflowId: `${dagId}/2002-06-02`, status: 'success', date: '2002-06-02' });
    const table = await millrace('runs', '--status', 'cancelled');
    expect(table.stdout).toMatch(/^run +status +interval +started +took +by$/m);
    expect(table.stdout).toContain(`${dagId}/2002-04-04  cancelled  2002-04-04T05:00Z .. 2002-04-05T05:00Z`);
  });

  it('applies, lists, pauses and prunes schedules', async () => {
    expect((await millrace('schedule', 'apply', '--paused')).stdout).toBe(`${dagId}: created`);
    expect((await millrace('schedule', 'apply')).stdout).toBe(`${dagId}: updated`);
    const row = await eventually(async () => {
      const { stdout } = await millrace('schedule', 'list');
      return stdout.split('\n').find((line) => line.startsWith(dagId));
    });
    expect(row).toMatch(/0 2 \* \* \* {2}America\/New_York {2}paused/);
    expect((await millrace('schedule', 'unpause', dagId)).stdout).toBe(`${dagId}: unpaused`);
    expect((await millrace('schedule', 'trigger', dagId)).stdout).toBe(`${dagId}: triggered`);
    expect((await millrace('schedule', 'pause', dagId, '--note', 'stock-taking')).stdout).toBe(`${dagId}: paused`);
    expect(JSON.parse((await millrace('schedule', 'describe', dagId)).stdout)).toMatchObject({ note: 'stock-taking' });
    const scheduled = await eventually(async () => {
      const found = JSON.parse((await millrace('runs', dagId, '--json')).stdout) as { startedBy: string }[];
      return found.find((run) => run.startedBy === 'schedule');
    });
    expect(scheduled).toMatchObject({ workflowId: expect.stringContaining(`${dagId}/scheduled-`) });
    const other = { TEST_DAG: `${dagId}_renamed` };
    const renamed = await start(['schedule', 'apply', '--prune'], other);
    expect(renamed.stdout.split('\n')).toEqual([`${dagId}_renamed: created`, `${dagId}: removed`]);
    await start(['schedule', 'apply', '--prune'], { TEST_DAG: dagId });
    expect((await millrace('schedule', 'remove', dagId)).stdout).toBe(`${dagId}: removed`);
    expect((await millrace('schedule', 'pause', dagId)).stderr).toContain('MR2507');
  });
});

type Running = ReturnType<typeof start>;
const outputs = new WeakMap<Running, { stdout: string; stderr: string }>();

function outputOf(child: Running): { stdout: string; stderr: string } {
  let output = outputs.get(child);
  if (output === undefined) {
    const collected = { stdout: '', stderr: '' };
    child.stdout?.on('data', (text: Buffer) => {
      collected.stdout += text.toString();
    });
    child.stderr?.on('data', (text: Buffer) => {
      collected.stderr += text.toString();
    });
    outputs.set(child, collected);
    output = collected;
  }
  return output;
}

const stdoutOf = (child: Running): string => outputOf(child).stdout;
const stderrOf = (child: Running): string => outputOf(child).stderr;

/** The first line of a worker; fails with its errors when it ends before. */
async function readyLine(child: Running): Promise<string> {
  stderrOf(child);
  return await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`The worker ended: ${stderrOf(child)}`);
    const text = stdoutOf(child);
    return text.includes('\n') ? text.slice(0, text.indexOf('\n')) : undefined;
  });
}
