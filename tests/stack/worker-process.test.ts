import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Home, openHome } from '../../stack/home.ts';
import { until } from '../../stack/probe.ts';
import { identify } from '../../stack/processes/identity.ts';
import { removeHome } from '../../stack/remove-home.ts';
import { WorkerProcess } from '../../stack/start/worker-process.ts';
import { testStack, uniqueName } from '../support/stack.ts';

describe('the worker of npm start', () => {
  let home: Home;
  let worker: WorkerProcess | undefined;
  const reported: string[] = [];

  beforeEach(() => {
    home = openHome(mkdtempSync(join(tmpdir(), 'millrace-worker-')));
    reported.length = 0;
  });

  afterEach(async () => {
    await worker?.stop();
    await removeHome(home.root, () => undefined);
  });

  function start(environment: string): WorkerProcess {
    const { s3, postgres } = testStack();
    worker = new WorkerProcess({
      home,
      environment,
      variables: {
        MILLRACE_ENDPOINTS: join(dirname(process.env.MILLRACE_TEST_STACK ?? ''), 'endpoints.json'),
        MILLRACE_TASK_QUEUE: uniqueName('worker-process'),
        MILLRACE_WAREHOUSE_PATH: join(home.root, 'retail.duckdb'),
        LAKE_ACCESS_KEY_ID: s3.accessKeyId,
        LAKE_SECRET_ACCESS_KEY: s3.secretAccessKey,
        SOURCE_POSTGRES_PASSWORD: postgres.password,
        NODE_OPTIONS: '',
      },
      report: (line) => reported.push(line),
    });
    return worker;
  }

  /** Once another worker than `before` runs, its process id. */
  function runningPid(before?: number): Promise<number> {
    return until(
      async () => {
        const { pid } = JSON.parse(readFileSync(join(home.pids, 'worker.json'), 'utf8')) as { pid: number };
        return pid !== before && identify(pid) !== undefined ? pid : undefined;
      },
      { timeoutMs: 30_000 },
      (cause) => new Error(`No worker runs: ${reported.join('\n')}`, { cause }),
    );
  }

  it('is started again after it was killed, and stays away once it is stopped', async () => {
    const supervised = start('dev');
    const first = await runningPid();
    process.kill(first, 'SIGKILL');
    const second = await runningPid(first);
    expect(reported).toEqual([expect.stringContaining('the worker ended; it is started again in 0.5 s')]);
    await supervised.stop();
    expect(identify(second)).toBeUndefined();
  });

  it('is given up when it ends again and again, with what it said', async () => {
    await expect(start('nowhere').failed).rejects.toMatchObject({
      code: 'MR5113',
      message: expect.stringContaining('MR5002'),
    });
    expect(reported).toHaveLength(4);
  });
});
