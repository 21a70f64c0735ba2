"""Shapes that cross the process boundary."""

from __future__ import annotations

import base64
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

Json = Any  # null, bool, int, float, str, list or dict

SAFE_INTEGER = 2**53 - 1


def to_json(value: object) -> Json:
    """A DuckDB value as JSON. What a JavaScript number cannot hold exactly (decimals, large integers) becomes text."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
        case Decimal() | UUID() | time() | timedelta():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case list() | tuple():
            return [to_json(item) for item in value]
        case dict():
            return {str(key): to_json(item) for key, item in value.items()}
        case _:
            return str(value)
