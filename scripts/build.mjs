// npm run build: installs the npm packages if need be and compiles everything, the workflow bundle included.
import { installAndBuild } from './bootstrap.mjs';
import { main } from './steps.mjs';

await main(() => installAndBuild());
