import { describe, expect, it } from '@jest/globals';
import { MillraceError } from '../src/dag/index.ts';
import { applicationFailure, checkResult } from '../src/worker/failures.ts';
import { boundLogger } from '../src/worker/log.ts';
import { redaction } from '../src/worker/redact.ts';

const redact = redaction(['hunter2-long', 'hunter2', 'abc']);

describe('secrets', () => {
  it('are taken out of messages, fields and errors before a logger sees them', () => {
    const lines: unknown[] = [];
    const keep = (message: string, fields?: object) => void lines.push([message, fields]);
    const log = boundLogger({ debug: keep, info: keep, warn: keep, error: keep }, redact, { node: 'load' });
    log.info('connecting with hunter2', {
      url: 'postgres://u:hunter2-long@h',
      deep: [{ error: new Error('hunter2?') }],
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines).toEqual([
      [
        'connecting with [secret]',
        {
          node: 'load',
          url: 'postgres://u:[secret]@h',
          deep: [{ error: expect.objectContaining({ message: '[secret]?' }) }],
        },
      ],
    ]);
  });

  it('are taken out of failures', () => {
    const error = new MillraceError({
      code: 'MR3201',
      message: 'hunter2',
      hint: 'try hunter2',
      facts: { dsn: 'x:hunter2@y' },
    });
    const failure = applicationFailure(error, redact);
    expect(JSON.stringify([failure.message, failure.details, failure.stack])).not.toContain('hunter2');
  });

  it('shorter than four characters are left: they would garble every text', () => {
    expect(redact('abcabc')).toBe('abcabc');
  });
});

describe('failures', () => {
  it('carry code, hint, facts and whether another attempt can help', () => {
    const error = new MillraceError({
      code: 'MR3101',
      message: 'bad file',
      subject: 'a.csv',
      facts: { line: 3 },
      retryable: false,
    });
    expect(applicationFailure(error, redact)).toMatchObject({
      type: 'MR3101',
      nonRetryable: true,
      details: [{ subject: 'a.csv', facts: { line: 3 } }],
    });
    expect(applicationFailure(new RangeError('x'), redact)).toMatchObject({ type: 'RangeError', nonRetryable: false });
  });

  it('are short enough for a history', () => {
    const error = new MillraceError({
      code: 'MR3101',
      message: 'm'.repeat(1e6),
      facts: { a: 'x'.repeat(1e6), b: 1n, c: 2 },
    });
    const failure = applicationFailure(error, redact);
    expect(JSON.stringify([failure.message, failure.stack, failure.details]).length).toBeLessThan(30_000);
    expect(failure.details).toMatchObject([{ facts: { b: '1', c: 2 } }]);
  });
});

describe('results', () => {
  it('larger than a history takes are refused: MR2005', () => {
    expect(() => checkResult('x'.repeat(1_000_001), 'big')).toThrow(
      expect.objectContaining({ code: 'MR2005', retryable: false, subject: 'big' }),
    );
    expect(checkResult(undefined, 'none')).toBe(null);
  });
});
