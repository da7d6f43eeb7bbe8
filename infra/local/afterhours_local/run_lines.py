"""A line per event of the running stack: requests, what the functions logged, failures. Never message text."""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from afterhours_local import output

# What Powertools adds to every line, and what says nothing to a person at a terminal.
_OFTEN = frozenset(
    {"level", "location", "message", "timestamp", "service", "cold_start", "function_name", "function_memory_size"}
    | {"function_arn", "function_request_id", "xray_trace_id", "exception", "exception_name", "stack_trace"}
)
_QUIET = frozenset({"invoked", "fired", "started", "raised"})
_STYLES = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow", "INFO": ""}


def printer(*, as_json: bool) -> Callable[[str, Mapping[str, Any]], None]:
    """Takes the stack's notices: lines on stdout, or JSON lines on stderr where stdout is for machines.

    The streams are those of now: what a function's own thread writes to `sys.stdout` later is that function's log.
    """
    stdout, stderr, one_at_a_time = sys.stdout, sys.stderr, threading.Lock()

    def print_json(what: str, details: Mapping[str, Any]) -> None:
        with one_at_a_time:
            stderr.write(json.dumps({"event": what, **details}) + "\n")

    def print_line(what: str, details: Mapping[str, Any]) -> None:
        found = line(what, details)
        if found:
            with one_at_a_time:
                output.write_line(stdout, f"{time.strftime('%H:%M:%S')}  {output.plain(found[0])}", found[1])

    return print_json if as_json else print_line


def line(what: str, details: Mapping[str, Any]) -> tuple[str, str] | None:
    """Text and style of a notice; None for what nobody wants to see each time."""
    if what in _QUIET:
        return None
    if what == "http":
        return f"{details['method']:<4} {details['path']} → {details['status']}", "cyan"
    if what == "undrained":
        return "Not everything was finished in time; it stays queued.", "yellow"
    if what == "log":
        return _logged(str(details["function"]), str(details["line"]))
    pairs = " ".join(f"{name}={value}" for name, value in details.items())
    return f"{what} {pairs}".rstrip(), "red" if "fail" in what else "yellow"


def _logged(function: str, text: str) -> tuple[str, str] | None:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", function.removesuffix("Function")).lower()
    try:
        record = json.loads(text)
    except ValueError:
        return (f"{name}: {text}", "") if text.strip() else None
    if not isinstance(record, dict) or "_aws" in record:  # a metric
        return None
    pairs = [f"{key}={_short(value)}" for key, value in record.items() if key not in _OFTEN and value not in (None, "")]
    trouble = [f"{record['exception_name']}: {record.get('exception', '')}"] if record.get("exception_name") else []
    words = [f"{name}: {record.get('message', '')}", *pairs, *trouble]
    return " ".join(words), _STYLES.get(str(record.get("level")), "")


def _short(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
