import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../stack/probe.ts';
import { identify } from '../../stack/processes/identity.ts';
import { projectRoot } from '../../stack/project-root.ts';
import { removeHome } from '../../stack/remove-home.ts';

describe('npm start', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'millrace-start-'));
  });

  afterEach(async () => {
    await removeHome(home, () => undefined);
  });

  function launch(...args: readonly string[]) {
    const child = spawn(process.execPath, [join(projectRoot(), 'scripts', 'start.mjs'), '--home', home, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
    }
    return { child, output };
  }

  async function exitCode(child: ChildProcess): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  it('stops every process that it started on Ctrl-C, also in the middle of a run', async () => {
    const { child, output } = launch();
    await until(
      async () => (output.join('').includes('discover-store_sales  running') ? true : undefined),
      { timeoutMs: 100_000 },
      () => new Error(`No run started:\n${output.join('')}`),
    );
    const pids = readdirSync(join(home, 'pids')).map((file) => {
      const { pid } = JSON.parse(readFileSync(join(home, 'pids', file), 'utf8')) as { pid: number };
      return [file, pid] as const;
    });
    expect(pids.map(([file]) => file).sort()).toEqual(['postgres.json', 's3.json', 'temporal.json', 'worker.json']);
    // A terminal sends it to the group, and npm passes it on once more.
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await exitCode(child)).toBe(130);
    expect(pids.filter(([, pid]) => identify(pid) !== undefined)).toEqual([]);
    expect(readdirSync(join(home, 'pids'))).toEqual([]);
  });

  it('says in one line what is wrong with an option', async () => {
    const { child, output } = launch('--scale', 'big');
    expect(await exitCode(child)).toBe(1);
    const lines = output.join('').trim().split('\n');
    expect(lines.at(-1)).toBe('MR5112: --scale wants a number from 0.01 to 1, not "big". See `npm start -- --help`.');
    expect(readdirSync(home)).toEqual([]);
  });
});
