import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DbtService } from '@millrace/dbt';
import { execa } from 'execa';
import type { Progress } from 'millrace';

/** Rounds; in each, the command line and the service do the same, one after the other. */
const rounds = Number(process.env.MILLRACE_BENCH_ROUNDS ?? 5);
const threads = Number(process.env.MILLRACE_BENCH_THREADS ?? 4);

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const progress: Progress = {
  log: { debug() {}, info() {}, warn() {}, error() {} },
  signal: new AbortController().signal,
  heartbeat() {},
};

/**
 * dbt's command line against the resident service, alternated, each with a warehouse file of its own: the whole of a project
 * of 52 nodes (20 models, 3 seeds, a snapshot, 28 tests), and one model. Prints medians and their ratio.
 */
export async function bench(): Promise<void> {
  const python = process.env.MILLRACE_PYTHON ?? (await providedPython());
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-dbt-'));
  const project = writeProject(folder);
  const byService = new DbtService({
    python,
    projectDir: project,
    targetPath: join(folder, 'service'),
    threads,
    env: { MILLRACE_DUCKDB_PATH: join(folder, 'service.duckdb') },
  });
  const commandLine = (...args: readonly string[]) =>
    execa(join(dirname(python), 'dbt'), [...args, '--threads', String(threads)], {
      cwd: project,
      env: { MILLRACE_DUCKDB_PATH: join(folder, 'cli.duckdb'), DBT_TARGET_PATH: join(folder, 'cli') },
    });
  try {
    const started = await milliseconds(() => byService.start());
    const first = await milliseconds(() => byService.build({}, progress));
    console.log(`\ndbt, ${threads} threads: service started in ${started} ms, first build ${first} ms`);
    await commandLine('build');
    const cases = [
      {
        name: 'whole build, 52 nodes',
        cli: () => commandLine('build'),
        service: () => byService.build({}, progress),
      },
      {
        name: 'one model',
        cli: () => commandLine('run', '--select', 'fct_orders'),
        service: () =>
          byService.build(
            { select: ['fct_orders'], exclude: ['resource_type:test', 'resource_type:unit_test'] },
            progress,
          ),
      },
    ];
    for (const { name, cli, service } of cases) {
      const times = { cli: [] as number[], service: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        times.cli.push(await milliseconds(cli));
        times.service.push(await milliseconds(service));
      }
      const ratio = median(times.service) / median(times.cli);
      console.log(`${name.padEnd(24)} dbt ${show(times.cli)} service ${show(times.service)} ratio ${ratio.toFixed(2)}`);
    }
  } finally {
    await byService.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function providedPython(): Promise<string> {
  const { provideComponents } = await import('../stack/index.ts');
  return (await provideComponents((line) => console.error(line))).python;
}

/** The project of the package's tests, and 13 models with a test each beside it. */
function writeProject(folder: string): string {
  const project = join(folder, 'shop');
  cpSync(join(root, 'packages', 'dbt', 'tests', 'fixtures', 'shop'), project, { recursive: true });
  const wide = join(project, 'models', 'wide');
  mkdirSync(wide, { recursive: true });
  for (let n = 1; n <= 13; n++) {
    const sql = `{{ config(materialized='table') }}\nselect order_id, total * ${n} as total from {{ ref('fct_orders') }}\n`;
    writeFileSync(join(wide, `wide_${n}.sql`), sql);
    const columns = 'columns: [{ name: order_id, data_tests: [not_null] }]';
    writeFileSync(join(wide, `wide_${n}.yml`), `version: 2\nmodels:\n  - { name: wide_${n}, ${columns} }\n`);
  }
  return project;
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round(performance.now() - started);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function show(values: readonly number[]): string {
  return `${median(values)} ms (${Math.min(...values)} to ${Math.max(...values)})`.padEnd(26);
}
