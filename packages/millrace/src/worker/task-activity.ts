import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { TaskContext } from '../dag/context.ts';
import { isMillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import type { AttemptMeasures, TaskCall, TaskReply } from '../dag/protocol.ts';
import type { Logger, Services } from '../dag/services.ts';
import { type AnyTask, skipCode } from '../dag/task.ts';
import { toJson } from '../dag/template.ts';
import { applicationFailure, checkResult, unknownTask, workerStopped } from './failures.ts';
import { ItemReporter } from './item-reporter.ts';
import { boundLogger } from './log.ts';
import type { Redact } from './redact.ts';

/** What all task attempts of a worker share. */
export interface TaskHost {
  readonly client: Client;
  readonly services: Services;
  readonly log: Logger;
  readonly redact: Redact;
}

/** Heartbeats in one heartbeat timeout: one that comes late does not cost the attempt. */
const beats = 4;

/** One attempt of a task: context, heartbeat, measures, and errors as Temporal takes them. */
export async function runTask(task: AnyTask | undefined, call: TaskCall, host: TaskHost): Promise<TaskReply> {
  const activity = Context.current();
  const { info, cancellationSignal } = activity;
  const started = new Date();
  const clock = performance.now();
  const log = boundLogger(host.log, host.redact, {
    dag: call.dag,
    node: info.activityId,
    attempt: info.attempt,
    workflowId: info.workflowExecution?.workflowId,
  });
  let rows: number | undefined;
  const measures = (): AttemptMeasures => ({
    attempt: info.attempt,
    startedAt: started.toISOString(),
    endedAt: new Date().toISOString(),
    durationMs: Math.round(performance.now() - clock),
    ...(rows === undefined ? {} : { rows }),
  });
  if (task === undefined) throw applicationFailure(unknownTask(info.activityType, info.activityId), host.redact);

  // Details of an earlier attempt stay until this one gives its own: the server keeps the last heartbeat only.
  let details: unknown = info.heartbeatDetails;
  const earlier = details as Json | undefined;
  const beat = () => activity.heartbeat(details);
  const timer = info.heartbeatTimeoutMs === undefined ? undefined : setInterval(beat, info.heartbeatTimeoutMs / beats);
  const { workflowId, runId } = info.workflowExecution ?? { workflowId: '', runId: '' };
  const items = new ItemReporter(host.client.workflow.getHandle(workflowId, runId), info.activityId);
  const context: TaskContext = {
    ...host.services,
    log,
    signal: cancellationSignal,
    heartbeat: (next) => {
      if (next !== undefined) details = toJson(next, `The heartbeat details of '${info.activityId}'`);
      beat();
    },
    run: {
      dag: call.dag,
      workflowId,
      runId,
      interval: call.interval,
      date: call.date,
      params: call.params,
    },
    node: { id: info.activityId, ...(call.mapIndex === undefined ? {} : { mapIndex: call.mapIndex }) },
    attempt: info.attempt,
    rows: (count) => {
      rows = (rows ?? 0) + count;
    },
    checkpoint: <T extends Json>() => earlier as T | undefined,
    items,
  };
  try {
    const value = await task.run(call.input as never, context);
    const result = checkResult(value, info.activityId);
    await items.flush();
    return { value: result, ...measures() };
  } catch (error) {
    await items.flush().catch((lost: unknown) => log.warn('Item records could not be sent', { error: lost }));
    if (isMillraceError(error) && error.code === skipCode) {
      return { value: null, skipped: host.redact(error.message), ...measures() };
    }
    if (cancellationSignal.aborted) {
      const reason: unknown = cancellationSignal.reason;
      const why = reason instanceof Error ? reason.message : String(reason);
      if (why === 'WORKER_SHUTDOWN') throw applicationFailure(workerStopped(info.activityId), host.redact, measures());
      throw reason instanceof CancelledFailure ? reason : new CancelledFailure(why);
    }
    throw applicationFailure(error, host.redact, measures());
  } finally {
    clearInterval(timer);
  }
}
