import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openHome } from '../home.ts';
import { dueNights, NightBook, plannedNights } from './nights.ts';

describe('the nights of npm start', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-nights-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const ids = (nights: readonly { workflowId: string }[]) => nights.map(({ workflowId }) => workflowId);

  it('are the history as one range, then day by day', () => {
    expect(plannedNights(3).map(({ workflowId, upTo }) => [workflowId, upTo])).toEqual([
      ['nightlyRetail/1998-01-01..2002-12-31', '2002-12-30'],
      ['nightlyRetail/2002-12-31', '2002-12-31'],
      ['nightlyRetail/2003-01-01', '2003-01-01'],
      ['nightlyRetail/2003-01-02', '2003-01-02'],
    ]);
  });

  it('that succeeded are not due again, also not after a new start', () => {
    const book = new NightBook(openHome(folder), undefined);
    const planned = plannedNights(2);
    expect(dueNights(planned, book, false)).toEqual(planned);
    for (const night of planned.slice(0, 2)) book.add(night);
    const later = new NightBook(openHome(folder), undefined);
    expect(ids(dueNights(planned, later, false))).toEqual(['nightlyRetail/2003-01-01']);
    expect(ids(dueNights(plannedNights(1), later, false))).toEqual([]);
  });

  it('are repeated on request: the last one, once nothing else is due', () => {
    const book = new NightBook(openHome(folder), undefined);
    const planned = plannedNights(1);
    expect(dueNights(planned, book, true)).toEqual(planned);
    for (const night of planned) book.add(night);
    expect(ids(dueNights(planned, book, true))).toEqual(['nightlyRetail/2002-12-31']);
  });

  it('belong to sources of one scale', () => {
    expect(new NightBook(openHome(folder), 0.05).scale).toBe(0.05);
    expect(new NightBook(openHome(folder), undefined).scale).toBe(0.05);
    expect(() => new NightBook(openHome(folder), 0.1)).toThrow(expect.objectContaining({ code: 'MR5112' }));
  });
});
