// npm run build [-- --python]: installs the npm packages if need be and compiles everything, the workflow bundle included.
// With --python also the Python environment of dbt and the Delta writer, as the worker's image needs it.
import { parseArgs } from 'node:util';
import { installAndBuild, pythonOnly } from './bootstrap.mjs';
import { main } from './steps.mjs';

await main(async (args) => {
  const { values } = parseArgs({ args, options: { python: { type: 'boolean', default: false } } });
  await installAndBuild();
  if (values.python) await pythonOnly();
});
