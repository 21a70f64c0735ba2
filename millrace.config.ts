import { defineProject } from 'millrace/worker';
import { connectServices } from './activities/connect.ts';
import { dev, prod, qa, type RetailEnvironment, retailEnvironmentSchema } from './environments/index.ts';
import { nightlyRetail } from './workflows/nightly-retail.ts';

export default defineProject<RetailEnvironment>({
  environments: { dev, qa, prod },
  schema: retailEnvironmentSchema,
  dags: [nightlyRetail],
  services: connectServices,
});
