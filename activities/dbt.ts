import { task } from 'millrace';

/** Builds every seed, snapshot, model and test of the dbt project; each is a record of the run under this node. */
export const dbtBuild = task(
  'dbtBuild',
  { timeout: '3h' },
  async ({ select }: { select?: readonly string[] }, context) => {
    const completed = await context.items.completed();
    const summary = await context.dbt.build(
      {
        ...(select === undefined ? {} : { select }),
        completed,
        nodeRetries: context.environment.dbt.nodeRetries,
        onItems: (items) => context.items.report(items),
      },
      context,
    );
    return summary;
  },
);
