// A launcher as `npm start` is one, for tests that end it in every way: starts a stack, prints what came of it, then the name
// of a service that broke, and stops the stack on SIGINT. Argument: the home.
import { once } from 'node:events';
import { startStack } from '../../dist/stack/index.js';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

const reported = [];
const stack = await startStack({
  home: process.argv[2],
  ports: 'free',
  postgresSettings: { fsync: 'off' }, // the machine does not crash here, processes do
  report: (line) => reported.push(line),
});
const { endpoints, services, conflicts } = stack;
console.log(JSON.stringify({ endpoints, services, conflicts, reported }));
void stack.broken.then((broken) => console.log(JSON.stringify({ broken })));
await once(interrupt.signal, 'abort');
await stack.stop();
process.exit();
