import { MillraceError, task } from 'millrace';

/** Says that a night went wrong, where the environment's alerts go. Without a target it stands in the worker's log. */
export const alertOnFailure = task(
  'alertOnFailure',
  { timeout: '1m', retry: { attempts: 5, backoff: '10s' } },
  async ({ dag }: { dag: string }, context) => {
    const text = `${dag} failed for ${context.run.date}: millrace status ${context.run.workflowId} --env ${context.environment.name}`;
    context.log.error(text);
    const webhook = context.environment.alerts?.webhook;
    if (typeof webhook !== 'string') return { sent: false };
    const response = await fetch(context.secrets.get(webhook), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
      signal: context.signal,
    });
    if (!response.ok) {
      throw new MillraceError({
        code: 'MR5201',
        message: `The alert webhook answered ${response.status}.`,
        subject: webhook,
        hint: `Check the secret ${webhook} of environment ${context.environment.name}.`,
        facts: { status: response.status },
      });
    }
    return { sent: true };
  },
);
