import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { FailureDetails } from '../dag/protocol.ts';
import type { NodeError } from '../dag/run-state.ts';

type LoadedConverter = Client['options']['loadedDataConverter'];
/** One value as the server holds it. */
export type Payload = Parameters<LoadedConverter['payloadConverter']['fromPayload']>[0];

/** The values of payloads taken from a history, decrypted where the client has a codec. */
export async function decodePayloads(client: Client, payloads: readonly Payload[]): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let decoded: Payload[] = [...payloads];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  return decoded.map((payload) => payloadConverter.fromPayload<unknown>(payload));
}

/** A failure as the server holds it. */
export type Failure = NonNullable<
  NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]['lastFailure']
>;

// temporal.api.enums.v1.TimeoutType
const heartbeatTimeout = 4;

/** A failure in the form in which runs record theirs. */
export async function decodeFailure(client: Client, failure: Failure): Promise<NodeError> {
  let inner = failure;
  while (!inner.applicationFailureInfo && inner.cause) inner = inner.cause;
  const { message, applicationFailureInfo: info, timeoutFailureInfo: timeout } = inner;
  if (timeout) {
    const lost = timeout.timeoutType === heartbeatTimeout;
    return {
      message: lost ? 'Nothing was heard of the worker any more.' : 'The attempt did not end within its timeout.',
    };
  }
  const [first] = await decodePayloads(client, info?.details?.payloads ?? []);
  const { subject, hint, facts } = (typeof first === 'object' && first !== null ? first : {}) as FailureDetails;
  const code = info?.type ?? '';
  return {
    message: message || code || 'failed',
    ...(/^MR\d{4}$/.test(code) ? { code } : {}),
    ...(hint === undefined ? {} : { hint }),
    ...(subject === undefined ? {} : { subject }),
    ...(facts === undefined ? {} : { facts }),
  };
}
