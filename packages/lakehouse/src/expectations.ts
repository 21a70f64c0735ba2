import { quoteIdentifier, quoteLiteral } from './sql.ts';

/**
 * What happens to a row that violates a rule. `warn`: it is counted; `drop`: it is left out; `quarantine`: it is left out
 * and kept in the quarantine table with the rule's name; `fail`: the step fails (MR3301) and nothing is written.
 */
export type ExpectationAction = 'warn' | 'drop' | 'quarantine' | 'fail';

/** A rule for rows. A row violates it when `check` is false; like SQL's CHECK, NULL does not violate it. */
export interface Expectation {
  readonly name: string;
  /** An SQL predicate. */
  readonly check: string;
  readonly action: ExpectationAction;
}

/** How often a rule was violated. */
export interface RuleResult {
  readonly name: string;
  readonly action: ExpectationAction;
  readonly count: number;
}

/** A rule that still lacks its action. */
export class Rule {
  readonly #name: string;
  readonly #check: string;

  constructor(name: string, check: string) {
    this.#name = name;
    this.#check = check;
  }

  /** Gives the rule a name of its own; it appears in the quarantine table, in results and in errors. */
  named(name: string): Rule {
    return new Rule(name, this.#check);
  }

  warn(): Expectation {
    return this.#with('warn');
  }

  drop(): Expectation {
    return this.#with('drop');
  }

  quarantine(): Expectation {
    return this.#with('quarantine');
  }

  fail(): Expectation {
    return this.#with('fail');
  }

  #with(action: ExpectationAction): Expectation {
    return { name: this.#name, check: this.#check, action };
  }
}

/** A bound of a range: a number, or text for dates, timestamps and exact decimals. */
export type Bound = number | string;

/** Rules by name: `expect.notNull('customer_id').quarantine()`. */
export const expect = {
  notNull: (column: string): Rule => new Rule(`${column}_not_null`, `${quoteIdentifier(column)} IS NOT NULL`),

  /** Both bounds belong to the range; leave one out for an open end. */
  inRange: (column: string, { min, max }: { readonly min?: Bound; readonly max?: Bound }): Rule => {
    const bounds = [
      ...(min === undefined ? [] : [`${quoteIdentifier(column)} >= ${quoteLiteral(min)}`]),
      ...(max === undefined ? [] : [`${quoteIdentifier(column)} <= ${quoteLiteral(max)}`]),
    ];
    return new Rule(`${column}_in_range`, bounds.length === 0 ? 'true' : bounds.join(' AND '));
  },

  oneOf: (column: string, values: readonly Bound[]): Rule =>
    new Rule(`${column}_one_of`, `${quoteIdentifier(column)} IN (${values.map(quoteLiteral).join(', ')})`),

  /** The whole text must match the regular expression (RE2). */
  matches: (column: string, pattern: string): Rule =>
    new Rule(`${column}_matches`, `regexp_full_match(${quoteIdentifier(column)}, ${quoteLiteral(pattern)})`),

  /** Nothing of the row had to be rescued when its file was read. */
  notRescued: (): Rule => new Rule('not_rescued', '_rescued_data IS NULL'),

  sql: (name: string, predicate: string): Rule => new Rule(name, predicate),
};
