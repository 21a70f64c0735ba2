import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from 'millrace/worker';
import { repositoryRoot } from './root.ts';

/** Where the stack of `npm start` listens; it writes this when it is up. */
interface EmbeddedStack {
  readonly temporal: { readonly address: string };
  readonly s3: { readonly endpoint: string; readonly region: string };
  readonly postgres: { readonly host: string; readonly port: number; readonly user: string };
}

/** The running embedded stack's addresses, or nothing when `npm start` has not been used here. */
export function embeddedStack(variables: Variables): EmbeddedStack | undefined {
  const file = variables.MILLRACE_ENDPOINTS ?? join(repositoryRoot, '.millrace', 'endpoints.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as EmbeddedStack;
  } catch {
    return undefined;
  }
}
