import { type Environment, environmentSchema } from 'millrace/worker';
import { z } from 'zod';

const text = z.string().trim().min(1, 'must not be empty');
const prefix = text.regex(/^[^/].*[^/]$/, 'expected a prefix without a slash at either end');

/** The settings of the retail platform, over and above what every millrace environment has. */
export const retailEnvironmentSchema = environmentSchema.extend({
  lake: z.strictObject({
    /** Absent: AWS, by the region. */
    endpoint: z.url().exactOptional(),
    region: text,
    bucket: text.min(3, 'bucket names have three letters or more'),
    prefixes: z.strictObject({ landing: prefix, bronze: prefix, silver: prefix, gold: prefix, state: prefix }),
    /** Names of the secrets. */
    accessKeyId: text,
    secretAccessKey: text,
  }),
  sources: z.strictObject({
    /** The database of the order and inventory systems; its user may replicate. */
    postgres: z.strictObject({
      host: text,
      port: z.number().int().min(1).max(65_535),
      database: text,
      user: text,
      /** The name of the secret. */
      password: text,
      /** `require` wants TLS and checks the certificate. */
      tls: z.enum(['off', 'require']),
    }),
    /** Name of the replication slot and of the publication; one per environment that reads the same database. */
    slot: text.regex(/^[a-z0-9_]+$/, 'expected lower-case letters, digits and _'),
  }),
  warehouse: z.strictObject({
    kind: z.literal('duckdb'),
    /** Path of the DuckDB file, relative to the repository's root or absolute. */
    path: text,
  }),
  dbt: z.strictObject({
    target: z.enum(['dev', 'qa', 'prod']),
    threads: z.number().int().min(1).max(64),
    /** How often a node that failed is tried again, alone. */
    nodeRetries: z.number().int().min(0).max(10),
  }),
  /** For the Delta writer. */
  engine: z.strictObject({
    threads: z.number().int().min(1).max(64),
    memoryLimit: text.regex(/^\d+(MB|GB)$/, 'expected a size such as 2GB'),
  }),
});

export type RetailEnvironment = z.infer<typeof retailEnvironmentSchema> & Environment;

/** The prefixes that every environment uses, within its own bucket. */
export const prefixes = {
  landing: 'landing',
  bronze: 'bronze',
  silver: 'silver',
  gold: 'gold',
  state: '_millrace',
} as const;
