import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { stackError } from '../errors.ts';
import { withLock } from '../processes/lock.ts';
import { cacheDir, type Report } from './cache.ts';
import { linkExtensions } from './duckdb-extensions.ts';
import { compareVersions, findExecutables, programVersion, type Version } from './executables.ts';

export interface PythonEnvironment {
  readonly python: string;
  readonly duckdbExtensions: string;
}

const oldest: Version = [3, 10, 0];

/**
 * A virtual environment with everything in a requirements file, and the DuckDB extensions among it laid out as DuckDB
 * looks for them. It is kept in the cache under the hash of the file and of Python's version, so another clone, or a
 * changed file, never disturbs one that is in use.
 * @throws MR5102 without a fitting Python, MR5103 when the packages cannot be installed.
 */
export async function providePython(requirementsFile: string, report: Report): Promise<PythonEnvironment> {
  const { program, version } = await findPython();
  const requirements = readFileSync(requirementsFile, 'utf8');
  const key = createHash('sha256')
    .update(`${version.join('.')}\0${process.arch}\0${requirements}`)
    .digest('hex');
  const folder = join(cacheDir(), 'venvs', key.slice(0, 16));
  const environment = { python: join(folder, 'bin', 'python'), duckdbExtensions: join(folder, 'duckdb-extensions') };
  const marker = join(folder, '.complete');
  // A virtual environment cannot be moved once it is made, hence a marker at the end and not a rename.
  if (existsSync(marker)) return environment;
  await withLock(
    `${folder}.lock`,
    async () => {
      if (existsSync(marker)) return;
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      report('Python: installing dbt, DuckDB and Delta Lake (about a minute, once)');
      await run(program, ['-m', 'venv', folder]);
      const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet'];
      await run(environment.python, [...args, '-r', requirementsFile]);
      await linkExtensions(environment.python, environment.duckdbExtensions);
      writeFileSync(marker, requirements);
    },
    (holder) => report(`waiting for process ${holder.pid}, which is installing the Python packages`),
  );
  return environment;
}

async function findPython(): Promise<{ readonly program: string; readonly version: Version }> {
  const seen: string[] = [];
  for (const program of ['python3', 'python'].flatMap((name) => findExecutables(name))) {
    const version = await programVersion(program, ['--version'], /Python (\d+)\.(\d+)\.(\d+)/);
    if (version === undefined) continue;
    if (compareVersions(version, oldest) >= 0 && version[0] === oldest[0]) return { program, version };
    seen.push(`${program} (${version.join('.')})`);
  }
  throw stackError({
    code: 'MR5102',
    message:
      seen.length === 0 ? 'There is no python3 or python on PATH.' : `Python 3.10 or newer is needed; found ${seen}.`,
    subject: 'python',
    hint: 'Install Python 3.10 or newer and put it on PATH.',
    facts: { found: seen },
  });
}

async function run(program: string, args: readonly string[]): Promise<void> {
  // A PYTHONHOME or PYTHONPATH of the caller would reach into the new environment.
  const env = { PYTHONHOME: undefined, PYTHONPATH: undefined, PIP_USER: '0' };
  const result = await execa(program, [...args], { all: true, reject: false, env });
  if (!result.failed) return;
  const venvMissing = /ensurepip is not\s+available|No module named venv/.test(result.all);
  throw stackError({
    code: 'MR5103',
    message: `The Python environment could not be made: ${lastLines(result.all)}`,
    subject: [program, ...args].join(' '),
    hint: venvMissing
      ? 'Install the venv module of this Python (Debian and Ubuntu: the package python3-venv).'
      : 'Mend what pip complains of and start again; nothing half-made is kept.',
    facts: { output: result.all.slice(-4000) },
    cause: result.cause,
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n');
}
