"""Errors with the codes of docs/errors."""

from __future__ import annotations

import duckdb
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    SchemaMismatchError,
    TableNotFoundError,
)

from .protocol import Json


class CodedError(Exception):
    def __init__(
        self,
        code: str,
        message: str,
        *,
        subject: str | None = None,
        hint: str | None = None,
        retryable: bool = True,
        facts: dict[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.reply: dict[str, Json] = {"code": code, "message": message, "retryable": retryable, "facts": facts or {}}
        if subject is not None:
            self.reply["subject"] = subject
        if hint is not None:
            self.reply["hint"] = hint


# What another attempt with the same SQL and the same rows would meet again.
LASTING_SQL_ERRORS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.TypeMismatchException,
)


def coded(error: Exception, subject: str | None) -> CodedError:
    """The coded form of whatever an operation raised."""
    text = str(error).strip()
    match error:
        case CodedError():
            return error
        case duckdb.InterruptException():
            return CodedError("MR3010", "The operation was cancelled.", subject=subject)
        case duckdb.Error():
            return CodedError(
                "MR3003",
                f"DuckDB could not run a step: {text}",
                subject=subject,
                hint="Check the expressions that are declared for this table.",
                retryable=not isinstance(error, LASTING_SQL_ERRORS),
            )
        case CommitFailedError():
            return CodedError(
                "MR3004",
                f"Another writer committed to {subject} at the same moment: {text}",
                subject=subject,
                hint="The next attempt starts from the new version.",
            )
        case SchemaMismatchError():
            return CodedError(
                "MR3005",
                f"The rows do not fit the columns of {subject}: {text}",
                subject=subject,
                hint="A column's type cannot change in place: add a column under a new name.",
                retryable=False,
            )
        case TableNotFoundError():
            return CodedError("MR3006", f"There is no Delta table at {subject}.", subject=subject, retryable=False)
        case DeltaError():
            return CodedError("MR3007", f"An operation on {subject} failed: {text}", subject=subject)
        case _:
            return CodedError("MR3007", f"{type(error).__name__} on {subject}: {text}", subject=subject)
