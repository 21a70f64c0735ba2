import { ApplicationFailure } from '@temporalio/common';
import { isMillraceError, MillraceError } from '../dag/errors.ts';
import type { Json } from '../dag/json.ts';
import { type AttemptMeasures, engineCodes, type FailureDetails, maxPayloadBytes } from '../dag/protocol.ts';
import { toJson } from '../dag/template.ts';
import type { Redact } from './redact.ts';

/** Longest message and facts that go into a history, characters. */
const longestMessage = 4_000;
const longestFacts = 20_000;

/** An error as Temporal takes it: the code as type, the facts as details, without secrets, short enough for a history. */
export function applicationFailure(error: unknown, redact: Redact, measures?: AttemptMeasures): ApplicationFailure {
  const text = error instanceof Error ? error.message : String(error);
  const coded = isMillraceError(error) ? error : undefined;
  const details: FailureDetails = {
    ...(coded?.subject === undefined ? {} : { subject: redact(coded.subject) }),
    ...(coded?.hint === undefined ? {} : { hint: redact(coded.hint) }),
    ...(coded === undefined ? {} : { facts: redact(shortFacts(coded.facts)) }),
    ...measures,
  };
  const failure = ApplicationFailure.create({
    message: redact(shorten(text, longestMessage)),
    type: coded?.code ?? (error instanceof Error ? error.name : 'Error'),
    nonRetryable: coded?.retryable === false,
    details: [details],
  });
  if (error instanceof Error && error.stack !== undefined) failure.stack = redact(shorten(error.stack, longestMessage));
  return failure;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)} … (${text.length} characters)`;
}

function shortFacts(facts: Readonly<Record<string, unknown>>): { readonly [key: string]: Json } {
  const kept: Record<string, Json> = {};
  let room = longestFacts;
  for (const [key, value] of Object.entries(facts)) {
    let fact: Json;
    try {
      fact = toJson(value, key);
    } catch {
      fact = shorten(String(value), 1_000);
    }
    const size = JSON.stringify(fact).length;
    const fits = size <= room;
    kept[key] = fits ? fact : '(left out: too large)';
    if (fits) room -= size;
  }
  return kept;
}

/** A task's result as its reply holds it. Throws MR1007 if JSON cannot hold it, MR2005 if it is too large. */
export function checkResult(value: unknown, node: string): Json {
  let result: Json;
  try {
    result = toJson(value, `The result of '${node}'`);
  } catch (error) {
    throw error instanceof RangeError ? tooLarge(node, 'too deep') : error;
  }
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes > maxPayloadBytes) throw tooLarge(node, `${bytes} bytes, more than ${maxPayloadBytes}`);
  return result;
}

function tooLarge(node: string, size: string): MillraceError {
  return new MillraceError({
    code: engineCodes.resultTooLarge,
    message: `The result of '${node}' is too large for a history: ${size}.`,
    subject: node,
    hint: 'Write the data to the lake and return its address.',
    facts: { limit: maxPayloadBytes },
    retryable: false,
  });
}

/** No function for a task of a plan that a run holds on to. */
export function unknownTask(task: string, node: string): MillraceError {
  return new MillraceError({
    code: engineCodes.unknownTask,
    message: `This worker has no task '${task}', which the run needs for '${node}'.`,
    subject: task,
    hint: 'The run waits. Start a worker whose project still has the task, or cancel the run.',
    // The run itself waits and asks again, so that the task keeps its attempts.
    retryable: false,
  });
}

/** The worker was told to stop while the task ran. */
export function workerStopped(node: string): MillraceError {
  return new MillraceError({
    code: engineCodes.workerStopped,
    message: `The worker was stopped while '${node}' ran.`,
    subject: node,
    hint: 'Another worker goes on with it; nothing is to be done.',
  });
}
