import { Connection } from '@temporalio/client';
import { testStack, uniqueName } from './stack.ts';

/** Registers a namespace of its own for a test file and waits until workflows can be started in it. */
export async function createNamespace(prefix = 'test'): Promise<string> {
  const namespace = uniqueName(prefix);
  const connection = await Connection.connect({ address: testStack().temporal.address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
    });
    // A registered namespace is known to the server's caches a moment later.
    for (;;) {
      try {
        await connection.workflowService.listWorkflowExecutions({ namespace, pageSize: 1 });
        return namespace;
      } catch (error) {
        if (!/not found/i.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await connection.close();
  }
}
