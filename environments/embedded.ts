import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from 'millrace/worker';
import { z } from 'zod';
import { repositoryRoot } from './root.ts';

const stackSchema = z.object({ ports: z.object({ temporal: z.number(), s3: z.number(), postgres: z.number() }) });
const accountSchema = z.object({ postgres: z.object({ user: z.string() }) });

/** Where the stack of `npm start` listens. */
export interface EmbeddedStack {
  readonly temporalAddress: string;
  readonly s3Endpoint: string;
  readonly postgresPort: number;
  readonly postgresUser: string;
}

/**
 * The embedded stack of this clone (or of the folder in MILLRACE_HOME) as its last start left it; nothing if it was never
 * started.
 */
export function embeddedStack(variables: Variables): EmbeddedStack | undefined {
  const home = variables.MILLRACE_HOME ?? join(repositoryRoot, '.millrace');
  const stack = stackSchema.safeParse(readJson(join(home, 'stack.json')));
  const account = accountSchema.safeParse(readJson(join(home, 'credentials.json')));
  if (!stack.success || !account.success) return undefined;
  const { temporal, s3, postgres } = stack.data.ports;
  return {
    temporalAddress: `127.0.0.1:${temporal}`,
    s3Endpoint: `http://127.0.0.1:${s3}`,
    postgresPort: postgres,
    postgresUser: account.data.postgres.user,
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
