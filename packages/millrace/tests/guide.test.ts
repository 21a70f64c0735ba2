import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { execa } from 'execa';

const here = fileURLToPath(new URL('.', import.meta.url));
const guide = fileURLToPath(new URL('../../../docs/guide/authoring.md', import.meta.url));

it('the code of the authoring guide compiles, its DAGs build and its test passes', async () => {
  const blocks = [...readFileSync(guide, 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code);
  expect(blocks.length).toBeGreaterThan(6);
  // Below the tests, so that packages are found from there.
  const folder = mkdtempSync(join(here, 'types', 'guide-'));
  try {
    writeFileSync(join(folder, 'guide.ts'), blocks.join('\n'));
    const config = {
      extends: '../../../../../tsconfig.base.json',
      compilerOptions: { composite: false, declaration: false, sourceMap: false, outDir: 'out' },
      include: ['guide.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const compiled = await execa('tsc', ['-p', folder], { preferLocal: true, localDir: here, reject: false });
    expect(compiled.stdout).toBe('');
    const program = "import('./out/guide.js').then((guide) => guide.testNightly())";
    const run = await execa(process.execPath, ['-e', program], {
      cwd: folder,
      env: { NODE_OPTIONS: '' },
      reject: false,
    });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
