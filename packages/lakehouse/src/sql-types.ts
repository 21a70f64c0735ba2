import { MillraceError } from 'millrace';
import { quoteLiteral } from './sql.ts';

/** SQL that turns text into a value of a declared type, and SQL that says whether that lost nothing. */
export interface CheckedCast {
  readonly value: string;
  /** True if the text is NULL or stands for exactly `value`. */
  readonly exact: string;
}

const INTEGERS = /^(TINYINT|SMALLINT|INTEGER|INT|BIGINT|HUGEINT)$/i;
const DECIMAL = /^(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)$/i;
const OTHERS =
  /^(VARCHAR|TEXT|BOOLEAN|DATE|TIME|TIMESTAMP|TIMESTAMPTZ|TIMESTAMP WITH TIME ZONE|DOUBLE|REAL|FLOAT|BLOB)$/i;

/** Throws MR3011 for a type that is not one of DuckDB's scalar types. */
export function checkType(name: string, type: string): void {
  if (INTEGERS.test(type) || DECIMAL.test(type) || OTHERS.test(type)) return;
  throw new MillraceError({
    code: 'MR3011',
    message: `Column ${name} is declared as ${type}, which is not a type that the lake can store.`,
    subject: name,
    hint: 'Use BIGINT, INTEGER, DECIMAL(p,s), VARCHAR, BOOLEAN, DATE, TIMESTAMP or TIMESTAMPTZ.',
    retryable: false,
  });
}

/**
 * DuckDB rounds `'1.5'` to the integer 2 and `'2.239'` to the decimal 2.24 without a word; here both are inexact. `5.0`
 * is the integer 5.
 */
export function checkedCast(text: string, type: string): CheckedCast {
  if (/^(VARCHAR|TEXT)$/i.test(type)) return { value: text, exact: 'true' };
  const value = `TRY_CAST(${text} AS ${type})`;
  const decimal = DECIMAL.exec(type);
  const fits = `${value} IS NOT NULL`;
  if (INTEGERS.test(type)) {
    const whole = `NOT (contains(${text}, '.') OR contains(lower(${text}), 'e'))`;
    const zeros = `regexp_full_match(${text}, ${quoteLiteral('\\s*[+-]?[0-9]+\\.0*\\s*')})`;
    return { value, exact: decide(text, fits, whole, zeros) };
  }
  if (decimal !== null) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    const wide = `DECIMAL(38, ${38 - (precision - scale)})`;
    const fraction = `instr(${text}, '.')`;
    const short = `(${fraction} = 0 OR length(${text}) - ${fraction} <= ${scale}) AND NOT contains(lower(${text}), 'e')`;
    return { value, exact: decide(text, fits, short, `TRY_CAST(${text} AS ${wide}) = ${value}`) };
  }
  return { value, exact: `(${text} IS NULL OR ${fits})` };
}

/** By CASE, since DuckDB computes both sides of an OR for every row and the thorough test is a hundred times slower. */
function decide(text: string, fits: string, plain: string, thorough: string): string {
  return `CASE WHEN ${text} IS NULL THEN true WHEN NOT (${fits}) THEN false WHEN ${plain} THEN true ELSE ${thorough} END`;
}

const DELTA_TYPES: { readonly [delta: string]: string } = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  timestamp_ntz: 'TIMESTAMP',
  double: 'DOUBLE',
  float: 'FLOAT',
  binary: 'BLOB',
};

/** The DuckDB type of a Delta field's type. */
export function duckdbType(deltaType: string): string {
  return DELTA_TYPES[deltaType] ?? deltaType.toUpperCase();
}
