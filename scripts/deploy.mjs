// Puts what is checked out into qa or prod: `npm run deploy -- --env qa [--dry-run]`. Called by a person and by
// .github/workflows/deploy-*.yml alike. Runs in flight finish on the plan that they were started with.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { env: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } } });
const env = values.env;
if (env !== 'qa' && env !== 'prod') {
  console.error('Say where to: npm run deploy -- --env qa, or --env prod.');
  process.exit(2);
}
const image = process.env.MILLRACE_IMAGE;
if (!image) {
  console.error('Set MILLRACE_IMAGE to the image to build and push, tag included.');
  process.exit(2);
}
const millrace = ['node', 'packages/millrace/bin/millrace.js'];
const steps = [
  ['Every DAG compiles, every setting and secret of the environment is there', [...millrace, 'validate', '--env', env]],
  ['Build the worker image', ['docker', 'build', '--file', 'docker/worker.Dockerfile', '--tag', image, '.'], 'local'],
  ['Push it', ['docker', 'push', image], 'local'],
  [
    'Start it where DOCKER_HOST says',
    ['docker', 'compose', '--file', 'docker/worker.compose.yml', 'up', '--detach', '--wait'],
  ],
  ['Create or update the schedules', [...millrace, 'schedule', 'apply', '--env', env]],
];
for (const [title, command, where] of steps) {
  console.log(`${title}\n  ${command.join(' ')}`);
  if (values['dry-run']) continue;
  const stepEnv = { ...process.env, MILLRACE_ENV: env };
  if (where === 'local') delete stepEnv.DOCKER_HOST;
  const result = spawnSync(command[0], command.slice(1), { stdio: 'inherit', env: stepEnv });
  if (result.status !== 0) {
    console.error(`Stopped at: ${title} (${result.error?.message ?? `exit code ${result.status}`}).`);
    process.exit(1);
  }
}
