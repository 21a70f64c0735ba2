// npm start: see docs/reference/embedded-stack.md, or `npm start -- --help`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { main, root } from './steps.mjs';

await main(async (args) => {
  await bootstrap();
  const { start } = await import(pathToFileURL(join(root, 'dist', 'stack', 'start', 'main.js')).href);
  return start(args);
});
