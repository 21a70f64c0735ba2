// Makes a clone ready to run: npm packages, compiled code, Temporal, the S3 server, the Python environment. Quick when
// everything is there. `node scripts/bootstrap.mjs` does only this.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError, main, root, run, step } from './steps.mjs';

/** Everything that `npm start` and `npm test` need. */
export async function bootstrap() {
  checkNode();
  checkPython();
  await step('npm packages', installPackages);
  await step('compile the stack', () => compile('stack'));
  await Promise.all([build(), step('Temporal, S3 server, Python', () => prepareComponents())]);
}

/** npm packages and compiled code only. */
export async function installAndBuild() {
  checkNode();
  await step('npm packages', installPackages);
  await build();
}

async function build() {
  await step('compile', () => compile('.'));
  await step('workflow bundle', bundle);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 11)) return;
  throw new CodedError('MR5111', `Node ${process.versions.node} is too old.`, 'Install Node 20.11 or newer.');
}

/** Early, so that nobody waits for the npm packages to learn of it. */
function checkPython() {
  const found = [];
  for (const program of ['python3', 'python']) {
    try {
      const version = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: 'pipe' }).trim();
      const [, major, minor] = /Python (\d+)\.(\d+)/.exec(version) ?? [];
      if (Number(major) === 3 && Number(minor) >= 10) return;
      found.push(version);
    } catch {
      // not there
    }
  }
  const problem = found.length === 0 ? 'There is no python3 or python on PATH.' : `Only ${found.join(', ')} was found.`;
  throw new CodedError('MR5102', problem, 'Install Python 3.10 or newer and put it on PATH.');
}

async function installPackages() {
  if (packagesAreInstalled()) return 'nothing to do';
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund'];
  try {
    await (npm?.endsWith('js') ? run(process.execPath, [npm, ...args]) : run('npm', args));
  } catch (error) {
    throw failed('npm ci', error);
  }
}

/** Compares what npm wrote down about node_modules with what package-lock.json asks for. */
function packagesAreInstalled() {
  const installedList = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedList)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedList, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      !path.startsWith('node_modules/') || optional || link || installed[path]?.version === version,
  );
}

/** Compiles a project and what it refers to; the compiler itself skips what is up to date. */
export async function compile(project) {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  try {
    await run(process.execPath, [compiler, '-b', project]);
  } catch (error) {
    throw failed(`tsc -b ${project}`, error);
  }
}

async function bundle() {
  const script = join('packages', 'millrace', 'scripts', 'bundle.mjs');
  try {
    await run(process.execPath, [script]);
  } catch (error) {
    throw failed(script, error);
  }
}

/** The Python environment, after a build: with the compiled code, all that a worker needs. */
export async function pythonOnly() {
  checkPython();
  await step('Python', () => prepareComponents('preparePython'));
}

async function prepareComponents(what = 'prepare') {
  const stack = await import(pathToFileURL(join(root, 'dist', 'stack', 'prepare.js')).href);
  const problem = await stack[what]((line) => console.log(`  ${line}`));
  if (problem !== undefined) throw new CodedError(problem.code, problem.message, problem.hint);
}

function failed(what, error) {
  if (error instanceof CodedError) return error;
  return new CodedError('MR5110', `${what} failed (exit code ${error.code}):\n${error.output ?? error}`, '');
}

if (process.argv[1] === import.meta.filename) await main(() => bootstrap());
