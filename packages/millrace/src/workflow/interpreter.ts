import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  scheduleLocalActivity,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { Json } from '../dag/json.ts';
import { engineCodes, type LoadedRun, type LoadRequest, loadPlanActivity, maxPayloadBytes } from '../dag/protocol.ts';
import { presetEnd } from '../dag/records.ts';
import { type RunInput, runMemoKey } from '../dag/run-input.ts';
import type { NodeError } from '../dag/run-state.ts';
import { type ReadyTask, Scheduler, type TaskEnd } from '../dag/scheduler.ts';
import { orFail, runFailure, taskEndOf, unwrapLoadFailure } from './failures.ts';
import { RunJournal } from './journal.ts';
import { scheduledStartTime } from './scheduled-time.ts';
import { executeTask } from './task-execution.ts';

/** Activities of one run that may be under way at once; Temporal allows 2,000. */
const maxInFlight = 500;

/**
 * The workflow of every DAG. Its first step loads the plan, which then stands in its history; the rest interprets it.
 * Changes here must replay the histories in tests/histories, or be guarded by `patched`.
 */
export async function runDag(input: RunInput | null = null): Promise<Json> {
  const journal = new RunJournal(workflowInfo());
  journal.listen();
  const loaded = await loadRun(input).catch((error: unknown) => {
    journal.end(isCancellation(error) ? 'cancelled' : 'failed');
    throw error;
  });
  journal.loaded(loaded);
  const { preset } = input ?? {};
  journal.keep(preset);
  const scheduler = orFail(
    () =>
      new Scheduler({
        plan: loaded.plan,
        run: { interval: loaded.interval, date: loaded.date, params: loaded.params },
        ...(preset === undefined ? {} : { preset: (slot) => presetEnd(preset, slot) }),
      }),
  );
  journal.scheduler = scheduler;
  upsertMemo({ [runMemoKey]: journal.memo('running') });
  const interrupted = await interpret(loaded, scheduler);
  const failed = interrupted === 'timeout' || scheduler.failures().length > 0;
  journal.end(interrupted === 'cancelled' ? 'cancelled' : failed ? 'failed' : 'success');
  upsertMemo({ [runMemoKey]: journal.memo(journal.status) });
  if (interrupted === 'cancelled') throw new CancelledFailure('The run was cancelled');
  if (failed) throw runFailure(loaded.plan, scheduler, interrupted === 'timeout');
  return withinLimit(orFail(() => scheduler.result()));
}

async function loadRun(input: RunInput | null): Promise<LoadedRun> {
  const { workflowType, startTime } = workflowInfo();
  const scheduledAt = scheduledStartTime();
  const request: LoadRequest = {
    dag: workflowType,
    input: input as unknown as Json,
    startedAt: startTime.toISOString(),
    ...(scheduledAt === undefined ? {} : { scheduledAt }),
  };
  try {
    return await scheduleLocalActivity<LoadedRun>(loadPlanActivity, [request], { startToCloseTimeout: '30s' });
  } catch (error) {
    throw unwrapLoadFailure(error);
  }
}

/** Runs everything that can run. Gives what broke it off, if anything did. */
async function interpret(loaded: LoadedRun, scheduler: Scheduler): Promise<'cancelled' | 'timeout' | undefined> {
  let interrupted: 'cancelled' | 'timeout' | undefined;
  let inFlight = 0;
  const queue: ReadyTask[] = [];
  let head = 0;
  const tasks = new CancellationScope({ cancellable: true });
  const timer = new CancellationScope({ cancellable: true });

  const pump = (): void => {
    for (const ready of scheduler.take()) queue.push(ready);
    while (inFlight < maxInFlight && head < queue.length && interrupted === undefined) {
      const ready = queue[head++];
      if (ready === undefined) break;
      inFlight++;
      scheduler.mark(ready.id, 'running');
      void execute(ready).then((end) => {
        inFlight--;
        scheduler.finish(ready.id, end);
        pump();
      });
    }
  };
  const execute = async (ready: ReadyTask): Promise<TaskEnd> => {
    try {
      return await tasks.run(() =>
        executeTask(loaded, ready, (error) => scheduler.mark(ready.id, 'up_for_retry', {}, error)),
      );
    } catch (error) {
      if (interrupted === 'timeout' && isCancellation(error)) return { state: 'failed', error: outOfTime(loaded) };
      return taskEndOf(error);
    }
  };
  const interrupt = (reason: 'cancelled' | 'timeout'): void => {
    if (interrupted !== undefined) return;
    interrupted = reason;
    scheduler.stop();
    tasks.cancel();
  };

  const { timeoutMs } = loaded.plan;
  if (timeoutMs !== undefined) {
    void timer
      .run(() => sleep(timeoutMs))
      .then(
        () => interrupt('timeout'),
        () => undefined,
      );
  }
  CancellationScope.current().cancelRequested.catch(() => interrupt('cancelled'));
  pump();
  await CancellationScope.nonCancellable(() =>
    condition(() => inFlight === 0 && (scheduler.done || interrupted !== undefined)),
  );
  timer.cancel();
  return interrupted;
}

function outOfTime({ plan }: LoadedRun): NodeError {
  return {
    code: engineCodes.runTimedOut,
    message: `The run of '${plan.dag}' reached its timeout of ${(plan.timeoutMs ?? 0) / 1_000} s while the task ran.`,
    hint: 'Give the DAG a longer timeout, or find what is slow.',
  };
}

function withinLimit(result: Json | undefined): Json {
  const value = result ?? null;
  if (JSON.stringify(value).length <= maxPayloadBytes) return value;
  throw ApplicationFailure.create({
    type: engineCodes.resultTooLarge,
    message: 'All tasks succeeded, but what the DAG returns is too large for a workflow result.',
    nonRetryable: true,
    details: [{ hint: 'Return less from the function given to dag(), or nothing.' }],
  });
}
