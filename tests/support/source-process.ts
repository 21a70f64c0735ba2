import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SourcesOptions } from '../../ingestion/sources/index.ts';
import { projectRoot } from '../../stack/project-root.ts';

/** What a process of its own does with the sources, in order. */
export type SourceCommand = readonly ['loadHistory' | 'advanceTo', string];

const script = `
const { module, options, commands } = JSON.parse(process.env.SOURCE_PROCESS);
const { openSources } = await import(module);
const sources = await openSources(options);
for (const [name, day] of commands) await sources[name](day);
await sources.close();
`;

/** Compiles the sources for Node; the folder lies in the clone, so that packages resolve. */
export function compileSources(): string {
  const root = projectRoot();
  const out = join(root, 'dist', 'tests', `sources-${process.pid}`);
  mkdirSync(out, { recursive: true });
  const config = join(out, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: {
        composite: false,
        declaration: false,
        rootDir: root,
        outDir: out,
        typeRoots: [join(root, 'node_modules', '@types')],
      },
      files: [join(root, 'ingestion', 'sources', 'index.ts')],
    }),
  );
  const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '..', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', config], { stdio: 'pipe' });
  return out;
}

/** Starts a process that runs the commands; `compiled` comes from {@link compileSources}. */
export function startSourceProcess(compiled: string, options: SourcesOptions, commands: readonly SourceCommand[]) {
  const module = pathToFileURL(join(compiled, 'ingestion', 'sources', 'index.js')).href;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: projectRoot(),
    env: { ...process.env, SOURCE_PROCESS: JSON.stringify({ module, options, commands }) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, errors }));
  });
  return { ended, kill: () => child.kill('SIGKILL') };
}
