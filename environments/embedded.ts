import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from 'millrace/worker';
import { z } from 'zod';
import { repositoryRoot } from './root.ts';

const schema = z.object({
  temporal: z.object({ address: z.string() }),
  s3: z.object({ endpoint: z.string(), region: z.string() }),
  postgres: z.object({ host: z.string(), port: z.number(), user: z.string() }),
});

/** Where the stack of `npm start` listens. */
export type EmbeddedStack = z.infer<typeof schema>;

/**
 * The embedded stack of this clone, or the one whose addresses MILLRACE_ENDPOINTS names the file of; nothing while none is
 * up.
 */
export function embeddedStack(variables: Variables): EmbeddedStack | undefined {
  const file = variables.MILLRACE_ENDPOINTS ?? join(repositoryRoot, '.millrace', 'endpoints.json');
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
