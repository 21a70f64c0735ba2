// npm test: everything that the tests need, then jest with the given arguments.
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { main, root, runInTerminal } from './steps.mjs';

await main(async (args) => {
  await bootstrap();
  const report = process.env.MILLRACE_TEST_REPORT;
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const nodeOptions = `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`;
  return runInTerminal(
    process.execPath,
    [jest, ...(report === undefined ? [] : ['--json', `--outputFile=${report}`]), ...args],
    { NODE_OPTIONS: nodeOptions.trim() },
  );
});
