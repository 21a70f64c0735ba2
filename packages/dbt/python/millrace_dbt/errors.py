"""Errors with codes, and the codes of what dbt raises. Each code has a page in docs/errors."""

from __future__ import annotations

import os
import re
import traceback
from typing import Any

_PATH = re.compile(r"([\w./\\-]+\.(?:sql|ya?ml|py|csv|md))")
_PATH_IN_BRACKETS = re.compile(r"\(([\w./\\ -]+\.(?:sql|ya?ml|py|csv|md))\)")
_LINE = re.compile(r"\bline (\d+)", re.IGNORECASE)
_COLUMN = re.compile(r"\bcolumn (\d+)", re.IGNORECASE)
_NODE = re.compile(r"^\s*Compilation Error in (model|test|snapshot|seed|unit_test|operation) (\S+)", re.MULTILINE)
_LOCK = re.compile(r"Could not set lock on file", re.IGNORECASE)
_LOCK_FILE = re.compile(r'lock on file "([^"]+)"', re.IGNORECASE)
_LOCK_PID = re.compile(r"\(PID (\d+)\)")

_PROJECT_ERRORS = {
    "DbtProjectError",
    "DbtProfileError",
    "ProfileConfigError",
    "ProjectContractError",
    "ProjectContractBrokenError",
    "EnvVarMissingError",
    "SecretEnvVarLocationError",
    "RequiredVarNotFoundError",
    "DbtConfigError",
    "DbtSelectorsError",
    "UninstalledPackagesFoundError",
    "NoAdaptersAvailableError",
}
_USAGE_ERRORS = {"DbtUsageException", "BadOptionUsage", "InvalidSelectorError"}


class MillraceError(Exception):
    def __init__(
        self,
        code: str,
        message: str,
        *,
        subject: str | None = None,
        hint: str | None = None,
        facts: dict[str, Any] | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(message)
        self.reply = {
            "code": code,
            "message": message,
            "retryable": retryable,
            "facts": {key: value for key, value in (facts or {}).items() if value is not None},
            **({} if subject is None else {"subject": subject}),
            **({} if hint is None else {"hint": hint}),
        }


def as_reply_error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, MillraceError):
        return error.reply
    return {
        "code": "MR4302",
        "message": f"dbt ended with an unexpected {type(error).__name__}: {first_lines(str(error))}",
        "hint": "The stack is in facts.detail, the rest in dbt's log file.",
        "retryable": True,
        "detail": "".join(traceback.format_exception(error))[-6000:],
    }


def missing_dbt(error: ImportError) -> MillraceError:
    return MillraceError(
        "MR4005",
        f"This Python has no usable dbt: {error}.",
        hint="Install dbt-core (>=1.11,<1.12) and the adapter of your warehouse in the Python that the service is given.",
        facts={"module": error.name},
        retryable=False,
    )


def is_locked(message: str) -> bool:
    return _LOCK.search(message) is not None


def first_lines(message: str, lines: int = 12, characters: int = 1000) -> str:
    """The beginning of a message without blank lines, for a record that is kept."""
    kept = [line.rstrip() for line in message.strip().splitlines() if line.strip()]
    return "\n".join(kept[:lines])[:characters]


def place(message: str, folder: str) -> dict[str, Any]:
    """File (relative to the project's folder), line and column that a message of dbt names."""
    path = _PATH_IN_BRACKETS.search(message) or _PATH.search(message)
    line = _LINE.search(message)
    column = _COLUMN.search(message)
    return {
        "file": None if path is None else _in_project(path.group(1), folder),
        "line": None if line is None else int(line.group(1)),
        "column": None if column is None else int(column.group(1)),
    }


def _in_project(path: str, folder: str) -> str:
    """dbt names YAML files without their folder's path; complete it where only one file can be meant."""
    if os.path.exists(os.path.join(folder, path)):
        return path
    matches = [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
        if os.path.join(parent, name).endswith(os.sep + path)
    ]
    return matches[0] if len(matches) == 1 else path


def locked(message: str) -> MillraceError:
    path = _LOCK_FILE.search(message)
    pid = _LOCK_PID.search(message)
    holder = "another process" if pid is None else f"process {pid.group(1)}"
    name = "the warehouse file" if path is None else path.group(1)
    return MillraceError(
        "MR4201",
        f"{name} is locked by {holder}.",
        subject=None if path is None else path.group(1),
        hint="A DuckDB file has one writing process at a time: close the other one, or let the next attempt find it free.",
        facts={"pid": None if pid is None else int(pid.group(1)), "message": first_lines(message)},
    )


def from_dbt(error: BaseException, folder: str) -> MillraceError:
    """The coded error of what dbt raised outside of a node: while reading the project, or before the first node."""
    if isinstance(error, MillraceError):
        return error
    message = str(error)
    text = first_lines(message)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if is_locked(message):
        return locked(message)
    if kinds & _USAGE_ERRORS or "selector" in message.lower() and "DbtRuntimeError" in kinds:
        return MillraceError("MR4003", f"dbt cannot use this selection or option: {text}", retryable=False)
    where = place(message, folder)
    at = "" if where["file"] is None else f" at {where['file']}" + ("" if where["line"] is None else f":{where['line']}")
    if kinds & _PROJECT_ERRORS:
        return MillraceError(
            "MR4002",
            f"dbt's project or profile cannot be used{at}: {text}",
            subject=where["file"],
            hint="Check dbt_project.yml, profiles.yml and the environment variables that they read.",
            facts=where,
            retryable=False,
        )
    if "ParsingError" in kinds or "CompilationError" in kinds or "ValidationError" in kinds or "SchemaConfigError" in kinds:
        return MillraceError(
            "MR4001",
            f"The dbt project does not parse{at}: {text}",
            subject=where["file"],
            hint="Mend the file; it is read again by the next attempt.",
            facts=where,
            retryable=False,
        )
    node = _NODE.search(message)
    if node is not None:
        return MillraceError(
            "MR4103",
            f"dbt {node.group(1)} {node.group(2)} does not compile{at}: {text}",
            subject=node.group(2),
            hint="Mend the file; it is read again by the next attempt.",
            facts=where,
            retryable=False,
        )
    if "FailedToConnectError" in kinds or "DbtDatabaseError" in kinds or type(error).__module__.startswith(("duckdb", "_duckdb")):
        return MillraceError(
            "MR4202",
            f"dbt could not work with the warehouse: {text}",
            hint="Check that the warehouse can be reached with the target's profile.",
        )
    failure = MillraceError("MR4302", f"dbt ended with an unexpected {type(error).__name__}: {text}")
    failure.reply["detail"] = "".join(traceback.format_exception(error))[-6000:]
    return failure
