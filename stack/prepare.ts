import { isMillraceError } from 'millrace';
import type { Report } from './components/cache.ts';
import { provideComponents } from './components/provide.ts';

export { cacheDir } from './components/cache.ts';
export { removeHome } from './remove-home.ts';

/**
 * For the bootstrap script, which cannot import our error class before it is compiled: provides every program, and gives
 * an expected problem back instead of throwing it.
 */
export async function prepare(
  report: Report,
): Promise<{ readonly code: string; readonly message: string; readonly hint: string } | undefined> {
  try {
    await provideComponents(report);
    return undefined;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint ?? '' };
  }
}
