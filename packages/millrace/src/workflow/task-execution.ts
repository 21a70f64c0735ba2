import {
  ActivityCancellationType,
  type ActivityOptions,
  ApplicationFailure,
  scheduleActivity,
  sleep,
} from '@temporalio/workflow';
import type { PlanTask } from '../dag/plan.ts';
import { engineCodes, type LoadedRun, maxPayloadBytes, type TaskCall, type TaskReply } from '../dag/protocol.ts';
import type { NodeError } from '../dag/run-state.ts';
import type { ReadyTask, TaskEnd } from '../dag/scheduler.ts';
import { applicationFailureOf, nodeErrorOf } from './failures.ts';

/** First and longest wait for a worker that has the task's function, milliseconds. */
const unknownTaskWait = { first: 5_000, longest: 300_000 };

/**
 * Executes a task: as often as its retry policy says, and again without counting when it is not the task that is at
 * fault (`waiting` is told why). Throws what Temporal throws when the task failed.
 */
export async function executeTask(
  run: LoadedRun,
  ready: ReadyTask,
  waiting: (why: NodeError) => void,
): Promise<TaskEnd> {
  const call = taskCall(run, ready);
  const options = activityOptions(ready.id, ready.node);
  for (let round = 0; ; round++) {
    try {
      const { value, skipped, ...measured } = await scheduleActivity<TaskReply>(ready.node.task, [call], options);
      if (skipped === undefined) return { state: 'success', value, measured };
      return { state: 'skipped', error: { message: skipped }, measured };
    } catch (error) {
      const type = applicationFailureOf(error)?.type;
      if (type !== engineCodes.unknownTask && type !== engineCodes.workerStopped) throw error;
      waiting(nodeErrorOf(error));
      await sleep(
        type === engineCodes.workerStopped
          ? 1_000
          : Math.min(unknownTaskWait.first * 2 ** round, unknownTaskWait.longest),
      );
    }
  }
}

function taskCall({ plan, interval, date, params }: LoadedRun, { id, input, mapIndex }: ReadyTask): TaskCall {
  if (input !== undefined && JSON.stringify(input).length > maxPayloadBytes) {
    throw ApplicationFailure.create({
      type: engineCodes.inputTooLarge,
      message: `The input of '${id}' is larger than ${maxPayloadBytes} bytes.`,
      nonRetryable: true,
      details: [
        { subject: id, hint: 'Let the upstream tasks return addresses of what they wrote instead of the data.' },
      ],
    });
  }
  return {
    dag: plan.dag,
    interval,
    date,
    params,
    ...(input === undefined ? {} : { input }),
    ...(mapIndex === undefined ? {} : { mapIndex }),
  };
}

function activityOptions(activityId: string, { timeoutMs, heartbeatMs, retry = {} }: PlanTask): ActivityOptions {
  const { attempts, backoffMs, maxBackoffMs, factor } = retry;
  return {
    activityId,
    startToCloseTimeout: timeoutMs,
    heartbeatTimeout: heartbeatMs,
    // A run that was cancelled ends when its tasks have, so that nothing writes behind its back.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      ...(attempts === undefined || attempts === 0 ? {} : { maximumAttempts: attempts }),
      ...(backoffMs === undefined ? {} : { initialInterval: backoffMs }),
      ...(factor === undefined ? {} : { backoffCoefficient: factor }),
      ...(maxBackoffMs === undefined ? {} : { maximumInterval: Math.max(maxBackoffMs, backoffMs ?? 0) }),
    },
  };
}
