import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Starts one stack for all test files, in a home of its own and on free ports. */
export default async function globalSetup() {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  compileStack();
  const { removeHome, startStack } = await import(pathToFileURL(join(root, 'dist', 'stack', 'index.js')).href);
  const home = mkdtempSync(join(tmpdir(), 'millrace-tests-'));
  const stack = await startStack({
    home,
    ports: 'free',
    // Tests lose their data anyway; what they prove about restarts does not depend on it.
    postgresSettings: { fsync: 'off' },
    report: (line) => process.stderr.write(`${line}\n`),
  });
  const file = join(home, 'test-endpoints.json');
  writeFileSync(file, JSON.stringify(stack.endpoints), { mode: 0o600 });
  process.env.MILLRACE_TEST_STACK = file;
  globalThis.millraceTestStack = { stack, home, removeHome };
}

/** The compiler is quick when there is nothing to do; errors in other people's files do not matter here. */
function compileStack() {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [compiler, '-b', join(root, 'stack')], { stdio: 'pipe' });
  } catch (error) {
    if (!existsSync(join(root, 'dist', 'stack', 'index.js'))) throw error;
    process.stderr.write(`tsc -b stack: ${error.stdout}\n`);
  }
}
