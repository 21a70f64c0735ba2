import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Logger } from '../dag/services.ts';

let installed = false;

/**
 * Sets up Temporal's part of the process, once: its warnings and errors go to `log`, and it leaves signals to the program.
 * A program that has set it up itself keeps its own.
 */
export function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  const logger = new DefaultLogger('WARN', ({ level, message, meta = {} }) => {
    const { error, ...fields } = meta as Record<string, unknown>;
    const why = error instanceof Error ? { error: error.message } : {};
    log[level === 'ERROR' ? 'error' : 'warn'](message, { ...pick(fields), ...why });
  });
  try {
    const filter = makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' });
    Runtime.install({ logger, shutdownSignals: [], telemetryOptions: { logging: { filter, forward: {} } } });
  } catch {
    log.debug('The Temporal runtime was set up before');
  }
}

function pick(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { workflowId, workflowType, activityId, activityType, attempt, taskQueue } = fields;
  return { workflowId, workflowType, activityId, activityType, attempt, taskQueue };
}
