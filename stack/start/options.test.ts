import { describe, expect, it } from '@jest/globals';
import { parseOptions } from './options.ts';

describe('options of npm start', () => {
  it('have defaults', () => {
    expect(parseOptions([])).toMatchObject({ once: false, again: false, scale: undefined, nights: 3, env: 'dev' });
  });

  it('are read', () => {
    const args = ['--once', '--scale', '0.1', '--nights', '0', '--again', '--env', 'qa', '--home', '/somewhere'];
    expect(parseOptions(args)).toEqual({
      help: false,
      once: true,
      scale: 0.1,
      nights: 0,
      again: true,
      env: 'qa',
      home: '/somewhere',
    });
  });

  it.each([
    [['--nihgts', '3'], 'nihgts'],
    [['--scale', 'big'], '--scale wants a number from 0.01 to 1, not "big".'],
    [['--scale', '2'], '--scale wants a number from 0.01 to 1, not "2".'],
    [['--nights', '1.5'], '--nights wants a number of 0 or more, not "1.5".'],
    [['--nights', '-1'], 'nights'],
  ])('%j is refused', (args, message) => {
    expect(() => parseOptions(args)).toThrow(expect.objectContaining({ code: 'MR5112' }));
    expect(() => parseOptions(args)).toThrow(message);
  });
});
