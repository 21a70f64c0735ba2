import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from 'millrace';
import { resolveSecrets } from 'millrace/worker';
import { dev, repositoryRoot } from '../../environments/index.ts';
import { providePythonEnvironment } from '../../stack/components/provide.ts';
import { createBucket } from '../../stack/start/bucket.ts';
import { openSources } from '../sources/index.ts';

/**
 * `npm run load-sources -- --up-to 2002-12-30 [--scale 0.01]`: makes the bucket of environment dev and lets the generated
 * source systems deliver up to a business day, in bulk at first, day by day from then on. `npm start` does it by itself;
 * this is for docker-compose.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { 'up-to': { type: 'string', default: '2002-12-30' }, scale: { type: 'string', default: '0.01' } },
  });
  const environment = dev(process.env);
  const secrets = await resolveSecrets(environment.name, environment.secrets);
  const {
    lake,
    sources: { postgres },
  } = environment;
  const s3 = {
    endpoint: lake.endpoint ?? '',
    region: lake.region,
    accessKeyId: secrets.get(lake.accessKeyId),
    secretAccessKey: secrets.get(lake.secretAccessKey),
  };
  await createBucket({ s3 }, lake.bucket);
  const { duckdbExtensions } = await providePythonEnvironment((line) => console.log(line));
  const sources = await openSources({
    endpoints: { s3, postgres: { ...postgres, password: secrets.get(postgres.password) }, duckdbExtensions },
    home: process.env.MILLRACE_HOME ?? join(repositoryRoot, '.millrace'),
    bucket: lake.bucket,
    scale: Number(values.scale),
    database: postgres.database,
  });
  try {
    if ((await sources.position()) === undefined) await sources.loadHistory(values['up-to']);
    else await sources.advanceTo(values['up-to']);
    console.log(`The sources have delivered up to ${values['up-to']}.`);
  } finally {
    await sources.close();
  }
}

main().catch((error: unknown) => {
  console.error(describeError(error));
  process.exitCode = 1;
});
