import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { execa } from 'execa';

const folder = fileURLToPath(new URL('../histories', import.meta.url));
const recorded = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => join(folder, name));

async function replay(files: readonly string[], rename = ''): Promise<{ name: string; error: string | null }[]> {
  const script = fileURLToPath(new URL('replay.mjs', import.meta.url));
  const { stdout } = await execa(process.execPath, [script, ...files], {
    env: { NODE_OPTIONS: '', MILLRACE_TEST_RENAME: rename },
  });
  return stdout.split('\n').map((line) => {
    const { file, error } = JSON.parse(line) as { file: string; error: string | null };
    return { name: basename(file, '.json'), error };
  });
}

// A failure here means that a run in flight would be stuck after an upgrade: guard the change of the interpreter with
// `patched`, and record a history of the new behaviour beside the old ones (tests/histories/record.mjs).
describe('the interpreter', () => {
  it('replays every recorded history', async () => {
    expect(recorded.length).toBeGreaterThanOrEqual(10);
    const results = await replay(recorded);
    expect(results).toEqual(recorded.map((file) => ({ name: basename(file, '.json'), error: null })));
  });

  it('would be caught doing something else', async () => {
    const [result] = await replay([join(folder, 'pipeline.json')], 'land[0],land[9]');
    expect(result?.error).toContain('eterminism');
  });
});
