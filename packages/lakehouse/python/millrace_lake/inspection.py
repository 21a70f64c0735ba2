"""
One pass over a source file before DuckDB reads it: is it whole, is it of its encoding, how many lines, which columns. What
DuckDB would pass over in silence (a truncated gzip, a repeated header) is found here.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator

from .errors import CodedError
from .protocol import Json

CHUNK = 1 << 20
REPORTED_LINES = 1001
# A number that a double might not hold exactly; DuckDB's JSON reader would go through a double.
LONG_NUMBER = re.compile(rb"[0-9.]{17}")
BYTE_ORDER_MARK = codecs.BOM_UTF8


def inspect_file(file: dict[str, Json], options: dict[str, Json]) -> dict[str, Json]:
    """
    Answers the path to read (a plain UTF-8 copy if the file is not that), the header's fields, and line numbers (from 1) of
    blank lines, repeated headers and lines of a wrong encoding.
    """
    path: str = file["path"]
    copy = os.path.join(options["directory"], f"{file['number']}.plain")
    if path.endswith(".gz"):
        unpack(path, copy, file["key"] or path)
        path = copy
    encoding = codecs.lookup(options["encoding"]).name
    bad_lines = wrong_lines(path, encoding)
    if bad_lines or encoding not in ("utf-8", "ascii"):
        path = recode(path, encoding, copy)
    if options["kind"] != "csv" and has_long_numbers(path):
        path = quote_long_numbers(path, copy)
    return {"path": path, "badEncoding": bad_lines, **lines_of(path, options)}


def unpack(path: str, copy: str, name: str) -> None:
    try:
        with gzip.open(path, "rb") as packed, open(copy, "wb") as plain:
            while chunk := packed.read(CHUNK):
                plain.write(chunk)
    except (EOFError, OSError, zlib.error) as error:
        raise CodedError(
            "MR3101",
            f"{name} is a gzip file that is truncated or corrupt ({error}); nothing of it was read.",
            subject=name,
            hint="Have the source deliver the file again.",
            retryable=False,
        ) from error


def chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def wrong_lines(path: str, encoding: str) -> list[int]:
    """Numbers of the first lines that are not of the encoding; most files have none and are decoded once, in large pieces."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
        return []
    except UnicodeDecodeError:
        with open(path, "rb") as file:
            wrong = (number for number, line in enumerate(file, 1) if not decodes(line, encoding))
            return [number for number, _ in zip(wrong, range(REPORTED_LINES))]


def decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
        return True
    except UnicodeDecodeError:
        return False


def recode(path: str, encoding: str, copy: str) -> str:
    """A UTF-8 copy, in which bytes that are not of the encoding stand as \\xNN."""
    target = f"{copy}.utf8"
    with open(path, encoding=encoding, errors="backslashreplace", newline="") as source:
        with open(target, "w", encoding="utf-8", newline="") as plain:
            while text := source.read(CHUNK):
                plain.write(text)
    return target


def has_long_numbers(path: str) -> bool:
    tail = b""
    for chunk in chunks(path):
        if LONG_NUMBER.search(tail + chunk):
            return True
        tail = chunk[-16:]
    return False


def quote_long_numbers(path: str, copy: str) -> str:
    """A copy in which fractional numbers are strings, digit for digit. Lines that are not JSON stay as they are."""
    target = f"{copy}.json"
    with open(path, encoding="utf-8", newline="") as source, open(target, "w", encoding="utf-8", newline="") as plain:
        for line in source:
            try:
                value = json.loads(line, parse_float=str)
            except ValueError:
                plain.write(line)
            else:
                plain.write(json.dumps(value, ensure_ascii=False) + "\n")
    return target


def lines_of(path: str, options: dict[str, Json]) -> dict[str, Json]:
    with open(path, "rb") as file:
        header_line = file.readline().removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n")
    has_mark = starts_with_mark(path)
    has_header: bool = options["header"]
    newlines = blank = repeats = longest = open_line = 0
    size = 0
    previous = b"\n"
    for chunk in chunks(path):
        size += len(chunk)
        newlines += chunk.count(b"\n")
        # Lines within one piece are short enough for any reader: only those that go over its ends are measured.
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        longest = max(longest, open_line + (len(chunk) if first < 0 else first))
        open_line = open_line + len(chunk) if last < 0 else len(chunk) - last - 1
        # Suspicions only, made certain below: they may stand inside quotes or straddle pieces.
        joined = previous[-(len(header_line) + 3) :] + chunk
        blank += joined.count(b"\n\n") + joined.count(b"\n\r\n")
        repeats += joined.count(b"\n" + header_line) if has_header and header_line else 0
        previous = chunk
    lines = newlines + (0 if size == 0 or previous.endswith(b"\n") else 1)
    return {
        "size": size,
        "lines": lines,
        "longest": max(longest, open_line),
        "header": fields_of(header_line, options) if has_header and size > 0 else None,
        "blank": numbers_of(path, b"") if blank or header_line == b"" and size else [],
        "repeatedHeader": numbers_of(path, header_line)[1:] if repeats > (0 if has_mark else 1) else [],
    }


def starts_with_mark(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK


def fields_of(line: bytes, options: dict[str, Json]) -> list[str]:
    quote: str = options["quote"]
    style: dict[str, Json] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return next(csv.reader([line.decode("utf-8")], delimiter=options["delimiter"], **style), [])


def numbers_of(path: str, wanted: bytes) -> list[int]:
    found: list[int] = []
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n") == wanted:
                found.append(number)
    return found


def count_records(path: str, options: dict[str, Json]) -> int:
    """Records as the quoting rules have them, without header and blank lines: slow, for files with line breaks in fields."""
    csv.field_size_limit(1 << 30)
    with open(path, encoding="utf-8-sig", newline="") as file:
        records = sum(1 for fields in csv.reader(file, delimiter=options["delimiter"], quotechar=options["quote"]) if fields)
    return records - (1 if options["header"] and records > 0 else 0)
