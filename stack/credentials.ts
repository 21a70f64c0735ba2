import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Home, readJson, writeJson } from './home.ts';

const schema = z.object({
  s3: z.object({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) }),
  postgres: z.object({ user: z.string().min(1), password: z.string().min(1) }),
});

export type Credentials = z.infer<typeof schema>;

/** The home's credentials, generated at its first start and readable by their owner only. */
export function ensureCredentials(home: Home): Credentials {
  const known = readCredentials(home);
  if (known !== undefined) return known;
  const credentials: Credentials = {
    s3: {
      accessKeyId: `MILLRACE${randomBytes(6).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(24).toString('base64url'),
    },
    postgres: { user: 'millrace', password: randomBytes(24).toString('base64url') },
  };
  writeJson(home.credentialsFile, credentials, 0o600);
  return credentials;
}

export function readCredentials(home: Home): Credentials | undefined {
  return readJson(home.credentialsFile, schema);
}
