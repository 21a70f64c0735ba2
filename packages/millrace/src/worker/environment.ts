import { z } from 'zod';
import { type Duration, durationMs } from '../dag/duration.ts';
import { MillraceError } from '../dag/errors.ts';

const durationText = z.custom<Duration>((value) => {
  try {
    return durationMs(value as Duration) > 0;
  } catch {
    return false;
  }
}, 'expected a duration such as 30s, 5m, 2h or 1d');
const text = z.string().trim().min(1, 'must not be empty');
const count = z.number().int().positive();

/** Certificates as files, so that no key stands in a configuration. */
const tlsSchema = z.strictObject({
  /** The name in the server's certificate, where it is not the address's. */
  serverName: text.exactOptional(),
  caFile: text.exactOptional(),
  certFile: text.exactOptional(),
  keyFile: text.exactOptional(),
});

/**
 * What every environment has. A project adds its own settings by extending it:
 *
 *     const schema = environmentSchema.extend({ bucket: z.string() });
 *     type RetailEnvironment = z.infer<typeof schema>;
 */
export const environmentSchema = z.strictObject({
  /** `dev`, `qa`, `prod`: the same as its key in the project. */
  name: text,
  temporal: z.strictObject({
    /** `host:port`. */
    address: text.regex(/^\S+:\d+$/, 'expected host:port'),
    namespace: text,
    taskQueue: text,
    tls: z.union([z.boolean(), tlsSchema]).exactOptional(),
    /** The name of the secret that holds the API key. It must be one of `secrets`. */
    apiKey: text.exactOptional(),
  }),
  worker: z.strictObject({
    maxConcurrentActivities: count,
    maxConcurrentWorkflowTasks: count,
    maxCachedWorkflows: count,
    /** How long running tasks may go on after the worker was asked to stop. */
    shutdownGrace: durationText,
  }),
  /** For tasks that say nothing themselves. */
  retry: z.strictObject({
    /** All attempts, the first included; 0: without end. */
    attempts: z.number().int().nonnegative(),
    /** Wait before the second attempt. */
    backoff: durationText.exactOptional(),
    /** Each wait is this many times the one before. */
    factor: z.number().min(1).exactOptional(),
    maxBackoff: durationText.exactOptional(),
  }),
  /** Names only. The worker refuses to start while one of them has no value. */
  secrets: z.array(text),
  /** Where tasks send alerts; keys and values are the project's. */
  alerts: z.record(z.string(), z.union([z.string(), z.boolean(), z.number(), z.array(z.string())])).exactOptional(),
});

/** The settings of one environment. Values only: secrets are named, never held. */
export type Environment = z.infer<typeof environmentSchema>;

/** Anything that parses to an environment: {@link environmentSchema}, or an extension of it. */
export interface EnvironmentSchema<E extends Environment> {
  safeParse(input: unknown): z.ZodSafeParseResult<E>;
}

/**
 * Checks the settings of the environment `name`. Throws MR5001, which lists every wrong setting by its path: a person
 * mends them all at once.
 */
export function validateEnvironment<E extends Environment>(
  name: string,
  input: unknown,
  schema: EnvironmentSchema<E>,
): E {
  const parsed = schema.safeParse(input);
  const found = parsed.success ? crossFaults(name, parsed.data) : parsed.error.issues.flatMap(issueFaults);
  const faults = found.filter((fault, index) => found.findIndex(({ setting }) => setting === fault.setting) === index);
  if (parsed.success && faults.length === 0) return parsed.data;
  const list = faults.map(({ setting, problem }) => `${setting}: ${problem}`).join('; ');
  throw new MillraceError({
    code: 'MR5001',
    message: `Environment ${name} has ${faults.length === 1 ? 'a wrong setting' : `${faults.length} wrong settings`}: ${list}.`,
    subject: name,
    hint: `Correct ${faults.map((fault) => fault.setting).join(', ')} in the file of this environment, or set the variables that it reads.`,
    facts: { environment: name, faults },
    retryable: false,
  });
}

interface Fault {
  readonly setting: string;
  readonly problem: string;
}

function issueFaults(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.map(String);
  const problem = issue.message.replace(/^Invalid input: /, '');
  if (issue.code !== 'unrecognized_keys') return [{ setting: path.join('.') || 'the environment', problem }];
  return issue.keys.map((key) => ({ setting: [...path, key].join('.'), problem: 'there is no such setting' }));
}

function crossFaults(name: string, environment: Environment): Fault[] {
  const faults: Fault[] = [];
  const { temporal, secrets } = environment;
  if (environment.name !== name) {
    faults.push({ setting: 'name', problem: `is "${environment.name}", but the project calls it "${name}"` });
  }
  if (temporal.apiKey !== undefined && !secrets.includes(temporal.apiKey)) {
    faults.push({ setting: 'temporal.apiKey', problem: `names "${temporal.apiKey}", which is not among secrets` });
  }
  for (const secret of new Set(secrets.filter((each, index) => secrets.indexOf(each) !== index))) {
    faults.push({ setting: 'secrets', problem: `"${secret}" is named twice` });
  }
  return faults;
}
