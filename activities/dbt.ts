import { task } from 'millrace';

/**
 * Builds every seed, snapshot, model and test of the dbt project; each is a record of the run under this node. Unit tests
 * are left to development and CI, as dbt advises: they test the code on rows of their own, not the night's data
 * (https://docs.getdbt.com/docs/build/unit-tests).
 */
export const dbtBuild = task(
  'dbtBuild',
  { timeout: '3h' },
  async ({ select }: { select?: readonly string[] }, context) => {
    const completed = await context.items.completed();
    const summary = await context.dbt.build(
      {
        ...(select === undefined ? {} : { select }),
        exclude: ['resource_type:unit_test'],
        completed,
        nodeRetries: context.environment.dbt.nodeRetries,
        onItems: (items) => context.items.report(items),
      },
      context,
    );
    return summary;
  },
);
