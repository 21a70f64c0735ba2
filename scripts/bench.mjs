// npm run bench [-- name ...]: the benchmarks in bench/, compiled to dist/bench.
import { join } from 'node:path';
import { bootstrap, compile } from './bootstrap.mjs';
import { main, root, runInTerminal } from './steps.mjs';

await main(async (args) => {
  await bootstrap();
  await compile('bench');
  return runInTerminal(process.execPath, [join(root, 'dist', 'bench', 'main.js'), ...args]);
});
