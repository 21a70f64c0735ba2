// What the scripts share. Only Node's own modules: nothing else is there before the first install.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// Node 20 is supported here; the AWS SDK reminds of its own plans at every start.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

/** A failure that a person can mend: shown as one line, without a stack. Each code has a page in docs/errors. */
export class CodedError extends Error {
  constructor(code, message, hint) {
    super(`${code}: ${message} ${hint}`);
  }
}

/** Runs a step and says how long it took; quick ones that had nothing to do stay silent. */
export async function step(title, action) {
  const start = performance.now();
  const outcome = await action();
  const seconds = (performance.now() - start) / 1000;
  if (outcome !== 'nothing to do') console.log(`  ${title.padEnd(32, ' ')} ${seconds.toFixed(1).padStart(6)} s`);
}

/** Runs a program quietly; what it printed is shown only when it fails. */
export function run(command, args, { onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let rest = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine?.(line);
      });
    }
    child.once('error', (error) =>
      reject(new CodedError('MR5110', `${command} could not be run (${error.message}).`, '')),
    );
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(Object.assign(new Error(), { output, code })),
    );
  });
}

/** Runs a program in the terminal and gives its exit code. */
export function runInTerminal(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    // A Ctrl-C reaches the whole terminal group: we stay until the child has cleaned up.
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM']) process.removeListener(name, forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

/** Runs a script's body and ends with its exit code; a coded error is one line and exit code 1. */
export async function main(body) {
  try {
    process.exit((await body(process.argv.slice(2))) ?? 0);
  } catch (error) {
    console.error(error instanceof CodedError ? error.message : error);
    process.exit(1);
  }
}
