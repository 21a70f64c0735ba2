import { isMillraceError } from 'millrace';
import type { Report } from './components/cache.ts';
import { provideComponents, providePythonEnvironment } from './components/provide.ts';

export { cacheDir } from './components/cache.ts';
export { removeHome } from './remove-home.ts';

/** A problem that a person can mend, for scripts that cannot import our error class before it is compiled. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** For the bootstrap script: provides every program, and gives an expected problem back instead of throwing it. */
export function prepare(report: Report): Promise<Problem | undefined> {
  return problemOf(provideComponents(report));
}

/** The same for the Python environment alone: all that a worker needs besides Node. */
export function preparePython(report: Report): Promise<Problem | undefined> {
  return problemOf(providePythonEnvironment(report));
}

async function problemOf(work: Promise<unknown>): Promise<Problem | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint ?? '' };
  }
}
