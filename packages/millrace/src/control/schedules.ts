import {
  type CalendarSpec,
  type Client,
  MONTHS,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOverlapPolicy,
} from '@temporalio/client';
import { MillraceError } from '../dag/errors.ts';
import type { Plan, PlanSchedule } from '../dag/plan.ts';
import { skippedFirings } from './clock-changes.ts';
import type { Connected } from './connection.ts';
import { serverError } from './errors.ts';

/**
 * What happens to a run that is due while the one before it is still going. `wait`: it starts afterwards, however many
 * wait, so that no interval is lost. `waitOne`: one waits, further ones are dropped. `skip`: it is dropped.
 */
export type Overlap = 'wait' | 'waitOne' | 'skip';

export interface ApplyOptions {
  /** Default `wait`. */
  readonly overlap?: Overlap;
  /** For a schedule that is created; one that exists stays as it is. Default false. */
  readonly paused?: boolean;
}

export interface ScheduleSummary {
  /** The schedule's id. */
  readonly dag: string;
  readonly cron: string;
  readonly timezone: string;
  readonly taskQueue: string;
  readonly overlap: Overlap | 'together';
  readonly catchupMs: number;
  readonly paused: boolean;
  readonly note?: string;
  /** ISO 8601, UTC; up to ten. */
  readonly nextTimes: readonly string[];
  readonly runningWorkflowIds: readonly string[];
  readonly recentWorkflowIds: readonly string[];
  /** Runs that were due longer ago than the catch-up reaches, and those dropped because another was going. */
  readonly missed: { readonly catchup: number; readonly overlap: number };
}

const policies: Readonly<Record<Overlap | 'together', NonNullable<ScheduleOverlapPolicy>>> = {
  wait: 'BUFFER_ALL',
  waitOne: 'BUFFER_ONE',
  skip: 'SKIP',
  together: 'ALLOW_ALL',
};

/** The Temporal Schedules of DAGs: one a DAG, with the DAG's id. Their runs find their interval by the scheduled time. */
export class Schedules {
  readonly #connected: Connected;

  constructor(connected: Connected) {
    this.#connected = connected;
  }

  get #client(): Client['schedule'] {
    return this.#connected.client.schedule;
  }

  /** Creates or updates the schedule of a DAG. Throws MR2508 if the DAG has none. */
  async apply(plan: Plan, { overlap = 'wait', paused = false }: ApplyOptions = {}): Promise<'created' | 'updated'> {
    const options = scheduleOptions(plan, this.#connected.taskQueue, overlap);
    try {
      await this.#client.create({ ...options, scheduleId: plan.dag, state: { paused } });
      return 'created';
    } catch (error) {
      if (!(error instanceof Error && error.name === 'ScheduleAlreadyRunning')) {
        throw serverError(error, this.#connected.address);
      }
    }
    await this.#client.getHandle(plan.dag).update(({ state }) => ({ ...options, state }));
    return 'updated';
  }

  /** Removes a schedule; its runs stay. Throws MR2507 if there is none. */
  async remove(dag: string): Promise<void> {
    await this.#at(dag, (handle) => handle.delete());
  }

  /** Throws MR2507 if there is no such schedule; so do the methods below. */
  async pause(dag: string, note?: string): Promise<void> {
    await this.#at(dag, (handle) => handle.pause(note));
  }

  async unpause(dag: string, note?: string): Promise<void> {
    await this.#at(dag, (handle) => handle.unpause(note));
  }

  /** Starts a run now, as the schedule would, even if it is paused; it takes the interval that ended last. */
  async trigger(dag: string): Promise<void> {
    await this.#at(dag, (handle) => handle.trigger(policies.wait));
  }

  /**
   * Starts the runs that the schedule had at the times from `start` to `end` (instants, both included), one after the
   * other, on the server: nothing has to stay connected. At most 1,000 at once.
   */
  async backfill(dag: string, start: Date, end: Date): Promise<void> {
    await this.#at(dag, (handle) => handle.backfill({ start, end, overlap: policies.wait }));
  }

  async describe(dag: string): Promise<ScheduleSummary> {
    return summarizeSchedule(await this.#at(dag, (handle) => handle.describe()));
  }

  /** The schedules of the task queue. */
  async list(): Promise<readonly ScheduleSummary[]> {
    const found: ScheduleSummary[] = [];
    try {
      for await (const { scheduleId, memo } of this.#client.list()) {
        if (memo?.[memoKey] !== this.#connected.taskQueue) continue;
        found.push(await this.describe(scheduleId));
      }
    } catch (error) {
      throw serverError(error, this.#connected.address);
    }
    return found.sort((left, right) => left.dag.localeCompare(right.dag));
  }

  async #at<T>(dag: string, act: (handle: ReturnType<Client['schedule']['getHandle']>) => Promise<T>): Promise<T> {
    try {
      return await act(this.#client.getHandle(dag));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw serverError(error, this.#connected.address);
      throw new MillraceError({
        code: 'MR2507',
        message: `DAG ${dag} has no schedule on the server.`,
        subject: dag,
        hint: 'Create it with `millrace schedule apply`; see what is there with `millrace schedule list`.',
        facts: { dag },
        retryable: false,
        cause: error,
      });
    }
  }
}

/** Of the schedule's memo: the task queue, which tells one project's schedules from another's. */
const memoKey = 'millraceTaskQueue';

function scheduleOptions(
  plan: Plan,
  taskQueue: string,
  overlap: Overlap,
): Omit<ScheduleOptions, 'scheduleId' | 'state'> {
  const { dag, schedule, maxActive } = plan;
  if (schedule === undefined) {
    throw new MillraceError({
      code: 'MR2508',
      message: `DAG ${dag} declares no schedule.`,
      subject: dag,
      hint: "Give it one: dag('...', { schedule: cron('0 2 * * *') }, ...).",
      facts: { dag },
      retryable: false,
    });
  }
  return {
    spec: {
      // What follows # comes back as the comment of the calendar that the server makes of the expression.
      cronExpressions: [`${schedule.cron} # ${schedule.cron}`],
      calendars: movedFirings(schedule),
      timezone: schedule.timezone,
    },
    action: {
      type: 'startWorkflow',
      workflowType: dag,
      // The server appends the scheduled time.
      workflowId: `${dag}/scheduled`,
      taskQueue,
      args: [],
    },
    policies: {
      // Temporal runs one at a time or any number; it cannot count further.
      overlap: maxActive > 1 ? policies.together : policies[overlap],
      catchupWindow: Math.max(schedule.catchupMs, 10_000),
    },
    memo: { [memoKey]: taskQueue, cron: schedule.cron },
  };
}

const movedComment = 'moved out of the hour that clocks skip';

/** The first year that a calendar of a schedule may name. */
const firstYear = 2000;

/** For so many years clock changes are known; applying the schedule again moves them on. */
const yearsAhead = 20;

function movedFirings(schedule: PlanSchedule): CalendarSpec[] {
  const year = new Date().getUTCFullYear();
  return skippedFirings(schedule, firstYear, year + yearsAhead).map(({ month, ...time }) => ({
    ...time,
    month: MONTHS[month - 1] ?? 'JANUARY',
    comment: movedComment,
  }));
}

function summarizeSchedule(description: ScheduleDescription): ScheduleSummary {
  const { scheduleId, spec, action, policies: set, state, info } = description;
  const overlap = (Object.keys(policies) as (Overlap | 'together')[]).find((key) => policies[key] === set.overlap);
  const comments = (spec.calendars ?? []).map((calendar) => calendar.comment);
  return {
    dag: scheduleId,
    cron: comments.find((comment) => comment !== undefined && comment !== movedComment) ?? '',
    timezone: spec.timezone ?? 'UTC',
    taskQueue: action.taskQueue,
    overlap: overlap ?? 'skip',
    catchupMs: set.catchupWindow,
    paused: state.paused,
    ...(state.note === undefined || state.note === '' ? {} : { note: state.note }),
    nextTimes: info.nextActionTimes.map((time) => time.toISOString()),
    runningWorkflowIds: info.runningActions.map((each) => each.workflow.workflowId),
    recentWorkflowIds: info.recentActions.map((each) => each.action.workflow.workflowId),
    missed: { catchup: info.numActionsMissedCatchupWindow, overlap: info.numActionsSkippedOverlap },
  };
}
