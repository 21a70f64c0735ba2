import { isGrpcDeadlineError, isGrpcServiceError } from '@temporalio/client';
import { MillraceError } from '../dag/errors.ts';

const grpcNotFound = 5;
const grpcPermissionDenied = 7;
const grpcUnavailable = 14;
const grpcUnauthenticated = 16;

/** The gRPC status of an error of Temporal's client or of one of its causes. */
export function grpcCode(error: unknown): number | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (isGrpcServiceError(each)) return each.code;
  }
  return undefined;
}

/** True while another try may reach the server: it is restarting, or slow. */
export function isPassing(error: unknown): boolean {
  return grpcCode(error) === grpcUnavailable || isGrpcDeadlineError(error);
}

export function isNotFound(error: unknown): boolean {
  return grpcCode(error) === grpcNotFound || (error instanceof Error && error.name === 'WorkflowNotFoundError');
}

/** MR2501 for an error that means that the server cannot be talked to; the error itself otherwise. */
export function serverError(error: unknown, address: string): unknown {
  const code = grpcCode(error);
  const denied = code === grpcPermissionDenied || code === grpcUnauthenticated;
  const early = error instanceof Error && /connect before the deadline|connection/i.test(error.message);
  if (!denied && !isPassing(error) && !(code === undefined && early)) return error;
  return new MillraceError({
    code: 'MR2501',
    message: denied
      ? `The Temporal server at ${address} refused the credentials.`
      : `The Temporal server at ${address} does not answer.`,
    subject: address,
    hint: denied
      ? 'Check temporal.tls and temporal.apiKey of the environment.'
      : 'Start it (npm start), or correct temporal.address of the environment.',
    facts: { address },
    retryable: !denied,
    cause: error,
  });
}

/** MR2503. */
export function runNotFound(workflowId: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR2503',
    message: `There is no run ${workflowId}.`,
    subject: workflowId,
    hint: 'List the runs with `millrace runs`.',
    facts: { workflowId },
    retryable: false,
    cause,
  });
}
