import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const source = fileURLToPath(new URL('../src', import.meta.url));
const pages = fileURLToPath(new URL('../../../docs/errors', import.meta.url));

it('every code that the package throws has a page in three sections', async () => {
  const codes = new Set<string>();
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
    for (const [, code = ''] of text.matchAll(/'(MR\d{4})'/g)) codes.add(code);
  }
  expect(codes.size).toBeGreaterThan(35);
  for (const code of codes) {
    const page = await readFile(join(pages, `${code}.md`), 'utf8').catch(() => '(missing)');
    expect(page).toMatch(new RegExp(`^# ${code}: [^]+## What happened\n[^]+## Why\n[^]+## What to do\n`));
  }
});
