import type { TriggerRule } from './plan.ts';
import type { Ref } from './ref.ts';

/** A rule and the upstreams it is about; none named: all upstreams of the node. */
export interface Trigger {
  readonly rule: TriggerRule;
  readonly of: readonly Ref<unknown>[];
}

type TriggerMaker = (...of: readonly Ref<unknown>[]) => Trigger;

const maker =
  (rule: TriggerRule): TriggerMaker =>
  (...of) => ({ rule, of });

/** All succeeded. The rule of every node that names none. */
export const allSuccess = maker('allSuccess');
/** All ended, however. */
export const allDone = maker('allDone');
/** All failed, or could not run because something before them failed. */
export const allFailed = maker('allFailed');
/** At least one succeeded; does not wait for the others. */
export const oneSuccess = maker('oneSuccess');
/** At least one failed; does not wait for the others. */
export const oneFailed = maker('oneFailed');
/** At least one succeeded or failed; does not wait for the others. */
export const oneDone = maker('oneDone');
/** All ended and none failed: each succeeded or was skipped. */
export const noneFailed = maker('noneFailed');
/** As {@link noneFailed}, and at least one succeeded. */
export const noneFailedMinOneSuccess = maker('noneFailedMinOneSuccess');
/** All ended and none was skipped. */
export const noneSkipped = maker('noneSkipped');
/** All were skipped. */
export const allSkipped = maker('allSkipped');
/** At once, whatever the upstreams do. */
export const always = maker('always');

/** How many upstreams of a condition ended, and how. */
export interface UpstreamCounts {
  readonly total: number;
  success: number;
  failed: number;
  upstreamFailed: number;
  skipped: number;
}

export type Verdict = 'wait' | 'run' | 'skipped' | 'upstream_failed';

/**
 * What a rule says to the upstreams' ends so far: Airflow's `TriggerRuleDep`. A verdict is given as soon as no further end
 * can change it, so it does not depend on the order of ends. (In Airflow it can: a node with a skipped and a failed upstream is
 * `skipped` or `upstream_failed` there, depending on which its scheduler saw first. Here it is `upstream_failed`.)
 */
export function evaluateRule(rule: TriggerRule, counts: UpstreamCounts): Verdict {
  const { total, success, failed, upstreamFailed, skipped } = counts;
  const bad = failed + upstreamFailed;
  const done = success + bad + skipped === total;
  switch (rule) {
    case 'always':
      return 'run';
    case 'allSuccess':
      if (bad > 0) return 'upstream_failed';
      if (!done) return 'wait';
      return skipped > 0 ? 'skipped' : 'run';
    case 'allDone':
      return done ? 'run' : 'wait';
    case 'allFailed':
      if (success > 0 || skipped > 0) return 'skipped';
      return done ? 'run' : 'wait';
    case 'oneSuccess':
      if (success > 0) return 'run';
      if (!done) return 'wait';
      return skipped === total ? 'skipped' : 'upstream_failed';
    case 'oneFailed':
      if (bad > 0) return 'run';
      return done ? 'skipped' : 'wait';
    case 'oneDone':
      if (success + failed > 0) return 'run';
      return done ? 'skipped' : 'wait';
    case 'noneFailed':
      if (bad > 0) return 'upstream_failed';
      return done ? 'run' : 'wait';
    case 'noneFailedMinOneSuccess':
      if (bad > 0) return 'upstream_failed';
      if (!done) return 'wait';
      return success > 0 ? 'run' : 'skipped';
    case 'noneSkipped':
      if (skipped > 0) return 'skipped';
      return done ? 'run' : 'wait';
    case 'allSkipped':
      if (success + bad > 0) return 'skipped';
      return done ? 'run' : 'wait';
  }
}
