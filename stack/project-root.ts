import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone's folder, from the sources as from what they are compiled to. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'python', 'requirements.txt'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('python/requirements.txt was found in no folder above the stack.');
    folder = parent;
  }
  return folder;
}
