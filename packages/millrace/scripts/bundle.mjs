// Builds dist/workflow-bundle.js from the compiled interpreter; does nothing when its inputs have not changed.
import { createHash } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const target = join(dist, 'workflow-bundle.js');
const stampFile = `${target}.inputs`;
const { version } = createRequire(import.meta.url)('@temporalio/workflow/package.json');

const hash = createHash('sha256').update(version);
for (const folder of ['dag', 'workflow']) {
  const files = (await readdir(join(dist, folder))).filter((file) => file.endsWith('.js')).sort();
  for (const file of files) hash.update(`${folder}/${file}\n`).update(await readFile(join(dist, folder, file)));
}
const stamp = hash.digest('hex');
const known = await readFile(stampFile, 'utf8').catch(() => '');
const present = await readFile(target).then(
  () => true,
  () => false,
);

if (known !== stamp || !present) {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const silent = () => undefined;
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflow/index.js'),
    logger: { log: silent, trace: silent, debug: silent, info: silent, warn: console.warn, error: console.error },
  });
  // Written beside and renamed, so that a worker that starts meanwhile never reads half of it.
  await writeFile(`${target}.${process.pid}`, code);
  await rename(`${target}.${process.pid}`, target);
  await writeFile(stampFile, stamp);
  console.log(`workflow bundle: ${Math.round(code.length / 1024)} KB`);
}
