import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where components are kept between clones: `$MILLRACE_CACHE`, else `$XDG_CACHE_HOME/millrace`, else
 * `~/.cache/millrace`.
 */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.MILLRACE_CACHE) return env.MILLRACE_CACHE;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'millrace');
  return join(homedir(), '.cache', 'millrace');
}

/** Told what is being done, one line at a time. */
export type Report = (line: string) => void;
