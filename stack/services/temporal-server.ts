import { Connection } from '@temporalio/client';
import type { Home } from '../home.ts';
import { loopback } from '../ports.ts';
import { ServiceProcess } from '../processes/service-process.ts';

/**
 * The development server polls its queues about 20 times a second, so that after a short burst every activity costs
 * 100 ms; and its rate limits are made for many tenants. These settings make it 10 ms. With the default of 100 buffered
 * events it fails the workflow tasks of a wide fan-out whose tasks end while one is under way (ForceCloseCommand).
 */
const dynamicConfig: Readonly<Record<string, number | boolean>> = {
  'history.transferProcessorMaxPollRPS': 5000,
  'history.timerProcessorMaxPollRPS': 5000,
  'history.visibilityProcessorMaxPollRPS': 5000,
  'history.maximumBufferedEventsBatch': 2000,
  'system.enableActivityEagerExecution': true,
  'frontend.namespaceRPS': 50_000,
  'frontend.rps': 50_000,
  'frontend.persistenceMaxQPS': 50_000,
  'history.rps': 50_000,
  'history.persistenceMaxQPS': 50_000,
  'matching.rps': 50_000,
  'matching.persistenceMaxQPS': 50_000,
  'matching.enableFairness': true,
  'matching.useNewMatcher': true,
};

export function startTemporal(home: Home, program: string, port: number, uiPort: number): ServiceProcess {
  return new ServiceProcess(home, {
    name: 'temporal',
    command: program,
    args: [
      'server',
      'start-dev',
      '--ip',
      loopback,
      '--port',
      String(port),
      '--ui-port',
      String(uiPort),
      '--db-filename',
      home.temporalDb,
      '--log-level',
      'warn',
      ...Object.entries(dynamicConfig).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
    ],
    stopSignal: 'SIGTERM',
  });
}

/** How long the server remembers runs that have ended; its own default is a day. */
const retentionDays = 30;

/**
 * Ready is when the namespace can be used, which is later than when the port is open. Sets its retention on the way.
 */
export async function temporalAnswers(port: number): Promise<boolean> {
  const connection = await Connection.connect({ address: `${loopback}:${port}`, connectTimeout: 2_000 });
  try {
    const service = connection.workflowService;
    const { config } = await service.describeNamespace({ namespace: 'default' });
    const seconds = retentionDays * 86_400;
    if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) < seconds) {
      // protobufjs takes a number; its types ask for a Long.
      const workflowExecutionRetentionTtl = { seconds: seconds as never };
      await service.updateNamespace({ namespace: 'default', config: { workflowExecutionRetentionTtl } });
    }
    return true;
  } finally {
    await connection.close();
  }
}
