import { until } from '../probe.ts';
import { isRunning } from './identity.ts';

/** A signal to a whole process group, or to the process alone when it leads none; false when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return false;
}

/** Asks a process to end, waits, and kills its group if it does not. */
export async function endProcess(
  known: { readonly pid: number; readonly startTime: string },
  signal: 'SIGTERM' | 'SIGINT',
  graceMs = 10_000,
): Promise<void> {
  const gone = async () => (isRunning(known) ? undefined : true);
  // The leader alone: it knows how to end its children in order.
  if (isRunning(known)) process.kill(known.pid, signal);
  try {
    await until(gone, { timeoutMs: graceMs }, () => new Error('still running'));
  } catch {
    signalGroup(known.pid, 'SIGKILL');
    await until(gone, { timeoutMs: graceMs }, () => new Error(`Process ${known.pid} could not be killed.`));
  }
}
