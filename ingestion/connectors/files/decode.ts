import { isUtf8 } from 'node:buffer';
import { Transform, type TransformCallback } from 'node:stream';
import { FileFault } from './file-errors.ts';
import type { FileEncoding } from './file-stream.ts';

const newline = 0x0a;

/**
 * Turns a file's bytes into UTF-8 without a byte order mark, strictly: the first byte that is not of the declared encoding
 * ends the stream with a {@link FileFault} that names its line. A NUL is of no text encoding.
 */
export class Decoder extends Transform {
  readonly #encoding: FileEncoding;
  readonly #maxBytes: number;
  #pending: Buffer = Buffer.alloc(0);
  #started = false;
  #bigEndian = false;
  #line = 1;
  #bytes = 0;

  constructor(encoding: FileEncoding, maxBytes: number) {
    super();
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#maxBytes) {
        throw new FileFault({
          problem: 'tooLarge',
          text: `is larger than ${this.#maxBytes} bytes when unpacked`,
          facts: { maxUnpackedBytes: this.#maxBytes },
        });
      }
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      // The longest byte order mark and the longest character have four bytes.
      if (this.#pending.length >= 4) this.#decode(false);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#decode(true);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #decode(last: boolean): void {
    if (!this.#started) this.#start();
    const { text, rest } = split(this.#pending, this.#encoding, this.#bigEndian, last);
    this.#pending = rest;
    if (text.length === 0) return;
    const utf8 = this.#toUtf8(text);
    if (utf8.length > 0) this.push(utf8);
  }

  #start(): void {
    this.#started = true;
    const marks = this.#encoding === 'utf-8' ? [[0xef, 0xbb, 0xbf]] : [];
    if (this.#encoding === 'utf-16') marks.push([0xff, 0xfe], [0xfe, 0xff]);
    const mark = marks.find((bytes) => bytes.every((byte, index) => this.#pending[index] === byte));
    if (mark === undefined) return;
    this.#bigEndian = mark[0] === 0xfe;
    this.#pending = this.#pending.subarray(mark.length);
  }

  #toUtf8(bytes: Buffer): Buffer {
    let utf8 = bytes;
    if (this.#encoding === 'utf-8') {
      if (!isUtf8(bytes)) throw this.#fault(bytes, firstBadUtf8(bytes));
    } else if (this.#encoding === 'latin1') {
      utf8 = Buffer.from(bytes.toString('latin1'), 'utf8');
    } else {
      const units = this.#bigEndian ? Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16() : bytes;
      const bad = firstBadUtf16(units);
      if (bad >= 0)
        throw this.#fault(Buffer.from(units.subarray(0, bad).toString('utf16le'), 'utf8'), undefined, bytes[bad]);
      utf8 = Buffer.from(units.toString('utf16le'), 'utf8');
    }
    const nul = utf8.indexOf(0);
    if (nul >= 0) throw this.#fault(utf8, nul);
    this.#line += countLines(utf8, utf8.length);
    return utf8;
  }

  #fault(bytes: Buffer, at: number = bytes.length, byte: number | undefined = bytes[at]): FileFault {
    return new FileFault({
      problem: 'badEncoding',
      line: this.#line + countLines(bytes, at),
      text: `is not ${this.#encoding} text (${byte === undefined ? 'it ends in the middle of a character' : `byte 0x${byte.toString(16).padStart(2, '0')}`})`,
      facts: { encoding: this.#encoding },
    });
  }
}

/** Keeps back the bytes of a character that the chunk cuts. */
function split(
  bytes: Buffer,
  encoding: FileEncoding,
  bigEndian: boolean,
  last: boolean,
): { text: Buffer; rest: Buffer } {
  let end = bytes.length;
  if (!last && encoding === 'utf-8') {
    let back = 1;
    while (back <= 3 && back <= end && ((bytes[end - back] ?? 0) & 0xc0) === 0x80) back += 1;
    const lead = bytes[end - back] ?? 0;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length > back) end -= back;
  } else if (!last && encoding === 'utf-16') {
    end &= ~1;
    if (end >= 2) {
      const high = bytes[bigEndian ? end - 2 : end - 1] ?? 0;
      if (high >= 0xd8 && high <= 0xdb) end -= 2;
    }
  }
  return { text: bytes.subarray(0, end), rest: bytes.subarray(end) };
}

function firstBadUtf8(bytes: Buffer): number {
  // The longest valid prefix, by halving: isUtf8 of a prefix fails only where a character is cut or wrong.
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const prefix = split(bytes.subarray(0, middle), 'utf-8', false, false).text;
    if (isUtf8(prefix)) low = middle;
    else high = middle - 1;
  }
  return split(bytes.subarray(0, low), 'utf-8', false, false).text.length;
}

/** The byte offset of the first half of a pair that is alone, -1 if there is none. Little-endian. */
function firstBadUtf16(bytes: Buffer): number {
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const high = bytes[at + 1] ?? 0;
    if (high < 0xd8 || high > 0xdf) continue;
    const low = bytes[at + 3] ?? 0;
    if (high > 0xdb || low < 0xdc || low > 0xdf) return at;
    at += 2;
  }
  return bytes.length % 2 === 0 ? -1 : bytes.length - 1;
}

function countLines(bytes: Buffer, end: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0 && at < end; at = bytes.indexOf(newline, at + 1)) lines += 1;
  return lines;
}
