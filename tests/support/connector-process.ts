import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LakeConfig } from '@millrace/lakehouse';
import { projectRoot } from '../../stack/project-root.ts';

const script = `
const { modules, config, runId, calls } = JSON.parse(process.env.CONNECTOR_PROCESS);
const { Lake } = await import(modules.lake);
const connectors = { ...(await import(modules.files)), ...(await import(modules.postgres)) };
const lake = new Lake(config);
const log = { debug() {}, info() {}, warn() {}, error() {} };
const progress = { log, signal: new AbortController().signal, heartbeat() {} };
const target = { lake, runId };
const results = [];
for (const [name, ...args] of calls) {
  const last = name === 'discoverFiles' ? lake : target;
  results.push(await connectors[name](...args, last, progress));
}
await lake.close();
process.stdout.write(JSON.stringify(results));
`;

/** The connectors as Node runs them, in a folder of the clone so that packages resolve. */
export interface CompiledConnectors {
  readonly folder: string;
  remove(): void;
}

export function compileConnectors(): CompiledConnectors {
  const root = projectRoot();
  const folder = join(root, 'dist', 'tests', `connectors-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'tsconfig.json');
  const connectors = join(root, 'ingestion', 'connectors');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: {
        composite: false,
        declaration: false,
        sourceMap: false,
        rootDir: connectors,
        outDir: folder,
        typeRoots: [join(root, 'node_modules', '@types')],
      },
      files: ['files', 'postgres'].map((name) => join(connectors, name, 'index.ts')),
    }),
  );
  const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '..', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', config], { stdio: 'pipe' });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A connector's function by name, and its arguments before the lake or landing target. */
export type ConnectorCall = readonly [
  'discoverFiles' | 'landBatch' | 'ensureSnapshot' | 'drainChanges' | 'extractIncremental',
  ...unknown[],
];

export interface ConnectorProcess {
  /** Settles when the process is gone; `results` are there if it came to its end. */
  readonly ended: Promise<{ readonly results: readonly unknown[] | undefined; readonly errors: string }>;
  /** Ends it as a crash would. */
  kill(): void;
  readonly running: boolean;
}

/** Runs connector calls in a process of their own. */
export function startConnectors(
  { folder }: CompiledConnectors,
  { config, runId }: { readonly config: LakeConfig; readonly runId: string },
  calls: readonly ConnectorCall[],
): ConnectorProcess {
  const modules = {
    lake: '@millrace/lakehouse',
    files: pathToFileURL(join(folder, 'files', 'index.js')).href,
    postgres: pathToFileURL(join(folder, 'postgres', 'index.js')).href,
  };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: projectRoot(),
    env: { ...process.env, NODE_OPTIONS: '', CONNECTOR_PROCESS: JSON.stringify({ modules, config, runId, calls }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  let running = true;
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const ended = new Promise<Awaited<ConnectorProcess['ended']>>((resolve) => {
    child.on('close', (code) => {
      running = false;
      resolve({ results: code === 0 ? (JSON.parse(output) as unknown[]) : undefined, errors });
    });
  });
  return {
    ended,
    kill: () => child.kill('SIGKILL'),
    get running() {
      return running;
    },
  };
}

/** Kills a process as soon as something can be seen from outside; false if the process ended before. */
export async function killWhen(process: ConnectorProcess, seen: () => Promise<boolean>): Promise<boolean> {
  while (process.running) {
    if (!(await seen())) continue;
    process.kill();
    await process.ended;
    return true;
  }
  return false;
}
