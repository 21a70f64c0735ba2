import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const source = fileURLToPath(new URL('../src', import.meta.url));
const bundle = fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url));

/** What the files of each folder may import of the others; design: `dag <- workflow`, `dag <- worker, control <- cli`. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  dag: [],
  workflow: ['dag'],
  process: ['dag'],
  testing: ['dag'],
  worker: ['dag'],
  control: ['dag'],
  cli: ['dag', 'worker', 'control'],
};

/** Packages that only the named folders may import. */
const restricted: Readonly<Record<string, readonly string[]>> = {
  '@temporalio/workflow': ['workflow'],
  '@temporalio/worker': ['worker'],
  '@temporalio/activity': ['worker'],
};

interface Import {
  readonly file: string;
  readonly from: string;
  /** A folder of src, or a package. */
  readonly to: string;
  readonly isPackage: boolean;
}

async function imports(): Promise<Import[]> {
  const found: Import[] = [];
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, 'utf8');
    const [from = ''] = relative(source, file).split('/');
    for (const [, specifier = ''] of text.matchAll(
      /^(?:import|export)\b[^;]*?\bfrom '([^']+)';|^import '([^']+)';/gms,
    )) {
      const isPackage = !specifier.startsWith('.');
      const to = isPackage
        ? specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/')
        : (relative(source, resolve(dirname(file), specifier)).split('/')[0] ?? '');
      found.push({ file: relative(source, file), from, to, isPackage });
    }
  }
  return found;
}

describe('imports', () => {
  it('go one way between the folders', async () => {
    const wrong = (await imports()).filter(
      ({ from, to, isPackage }) => !isPackage && from !== to && !allowed[from]?.includes(to),
    );
    expect(wrong).toEqual([]);
  });

  it('dag imports nothing from outside, not even Node', async () => {
    const all = await imports();
    expect(all.filter(({ from }) => from === 'dag').length).toBeGreaterThan(20);
    expect(all.filter(({ from, isPackage }) => from === 'dag' && isPackage)).toEqual([]);
  });

  it('workflow imports nothing but what the sandbox has', async () => {
    const packages = (await imports()).filter(({ from, isPackage }) => from === 'workflow' && isPackage);
    expect(new Set(packages.map(({ to }) => to))).toEqual(new Set(['@temporalio/workflow', '@temporalio/common']));
  });

  it("Temporal's workflow, worker and activity packages stay in their folders", async () => {
    const wrong = (await imports()).filter(
      ({ from, to }) => restricted[to] !== undefined && !restricted[to].includes(from),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the workflow bundle', () => {
  it('holds the interpreter and the dag code that it needs, and nothing of the rest', async () => {
    const text = await readFile(bundle, 'utf8');
    const modules = new Set([...text.matchAll(/packages\/millrace\/dist\/([\w-]+)\//g)].map(([, folder]) => folder));
    expect(modules).toEqual(new Set(['dag', 'workflow']));
    for (const foreign of ['node_modules/zod', 'node_modules/croner', 'node_modules/execa', '@temporalio/client/']) {
      expect(text.includes(foreign)).toBe(false);
    }
  });
});
