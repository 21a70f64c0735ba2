import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { execa } from 'execa';

it('the compiler takes the right programs and refuses the wrong ones', async () => {
  const folder = fileURLToPath(new URL('types', import.meta.url));
  const { stdout, exitCode } = await execa('tsc', ['-p', folder], {
    preferLocal: true,
    localDir: folder,
    reject: false,
  });
  expect(stdout).toBe('');
  expect(exitCode).toBe(0);
});
