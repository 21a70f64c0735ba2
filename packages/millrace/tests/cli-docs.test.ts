import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { processIo } from '../src/cli/io.ts';
import { createProgram } from '../src/cli/program.ts';

const reference = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
const table = reference.slice(reference.indexOf('## Commands'), reference.indexOf('## Runs and their ids'));

function leaves(command: Command, path: string): { readonly path: string; readonly command: Command }[] {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((each) => leaves(each, path === '' ? each.name() : `${path} ${each.name()}`));
}

const commands = leaves(
  createProgram(processIo(), () => undefined),
  '',
).map(({ path, command }) => ({ path, command }));

describe('docs/reference/cli.md', () => {
  it.each(commands)('has millrace $path and its options', ({ path, command }) => {
    const [group = '', verb = ''] = path.split(' ');
    const rows = table.split('\n').filter((row) => row.includes(`millrace ${group}`));
    const row = rows.find((each) => verb === '' || new RegExp(`[ \`|]${verb}[ \`|\\\\<]`).test(each));
    expect([path, row]).toEqual([path, expect.any(String)]);
    for (const { long } of command.options) {
      if (long === '--env' || long === '--json') continue;
      expect(`${path}: ${row}`).toContain(String(long));
    }
  });

  it('shows no command that there is not', () => {
    const shown = [...table.matchAll(/`millrace (\w+)/g)].map((match) => match[1]);
    const known = new Set(commands.map(({ path }) => path.split(' ')[0]));
    expect(shown.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(shown).size).toBe(known.size);
  });
});
