import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';

const key = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

/** When a Temporal Schedule meant this workflow to start, ISO 8601; undefined if none started it. */
export function scheduledStartTime(): string | undefined {
  return workflowInfo().typedSearchAttributes.get(key)?.toISOString();
}
