// npm run clean [-- --cache]: stops what runs in this clone and removes all local state and everything compiled. With
// --cache also the programs and Python environments that clones share.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from './bootstrap.mjs';
import { CodedError, main, root } from './steps.mjs';

await main(async (args) => {
  const { values } = parseArgs({ args, options: { cache: { type: 'boolean', default: false } } });
  const home = join(root, '.millrace');
  if (existsSync(home) || values.cache) {
    const { cacheDir, removeHome } = await stackCode();
    await removeHome(home, (line) => console.log(`  ${line}`));
    if (values.cache) remove(cacheDir());
  }
  const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name));
  for (const folder of ['.', ...packages]) remove(join(root, folder, 'dist'));
  remove(join(root, 'tsconfig.test.tsbuildinfo'));
  for (const folder of ['target', 'logs', 'dbt_packages']) remove(join(root, 'dbt_project', folder));
});

function remove(path) {
  if (!existsSync(path)) return;
  rmSync(path, { recursive: true, force: true });
  console.log(`  removed ${path}`);
}

async function stackCode() {
  const module = join(root, 'dist', 'stack', 'prepare.js');
  if (!existsSync(join(root, 'node_modules')))
    throw new CodedError(
      'MR5110',
      'The npm packages are not installed.',
      'Run `npm ci` first: they are needed to stop what runs.',
    );
  if (!existsSync(module)) await compile('stack');
  return import(pathToFileURL(module).href);
}
