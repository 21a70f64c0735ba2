import { declarationError } from './file-errors.ts';

export type FileFormat = 'csv' | 'jsonl';

/** What a key that matches says about its file. */
export interface FileName {
  /** YYYY-MM-DD, if the pattern has `{date}`. */
  readonly date: string | undefined;
  readonly format: FileFormat;
  readonly gzip: boolean;
}

export interface FilePattern {
  /** The longest text that every matching key starts with. */
  readonly listPrefix: string;
  /** True if keys in key order are in order of their dates too. */
  readonly datesInKeyOrder: boolean;
  /** Undefined for keys that do not match. */
  read(key: string): FileName | undefined;
}

const endings: Record<string, FileFormat> = { csv: 'csv', tsv: 'csv', txt: 'csv', jsonl: 'jsonl', ndjson: 'jsonl' };

/** Compiles `prefix` + `pattern` of a stream. Throws MR3151. */
export function compilePattern(stream: string, prefix: string, pattern: string): FilePattern {
  const whole = prefix + pattern;
  const expression = toExpression(stream, whole);
  const fixed = whole.search(/[{*]/);
  return {
    listPrefix: fixed < 0 ? whole : whole.slice(0, fixed),
    datesInKeyOrder: fixed >= 0 && whole.startsWith('{date}', fixed),
    read(key) {
      const found = expression.exec(key);
      if (found === null) return undefined;
      const date = found.groups?.date;
      if (date !== undefined && Number.isNaN(Date.parse(`${date}T00:00:00Z`))) return undefined;
      const gzip = key.endsWith('.gz');
      const ending = (gzip ? key.slice(0, -3) : key).split('.').at(-1) ?? '';
      const format = endings[ending];
      return format === undefined ? undefined : { date, format, gzip };
    },
  };
}

function toExpression(stream: string, whole: string): RegExp {
  let dates = 0;
  const parts = whole.split(/(\{[^}]*\}|\*)/).map((part) => {
    if (part === '*') return '[^/]*';
    if (part === '{date}') {
      dates += 1;
      return dates === 1 ? '(?<date>\\d{4}-\\d{2}-\\d{2})' : '\\k<date>';
    }
    if (part.startsWith('{')) return `(?:${part.slice(1, -1).split(',').map(escape).join('|')})`;
    if (/[{}]/.test(part)) throw declarationError(stream, `the pattern ${whole} has a brace without its partner`);
    return escapeText(part);
  });
  return new RegExp(`^${parts.join('')}$`, 'u');
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, (char) => `\\${char}`);
}
