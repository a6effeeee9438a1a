"""What Snakemake prints, so that an error is read: long lines cut, the failed jobs' errors last.

Snakemake shows all inputs and the whole command of a job that fails, thousands of characters for a
training, and the error that the stage wrote into its log somewhere between. Its complete log has
all of it.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import meant

_LINE = 400
"""Characters of a line on the terminal, at most."""
_END = 80
"""How many of them are its end."""
_JOBS = 10
"""Failed jobs whose errors are repeated, at most."""
_LAST = 12
"""Lines of a log that are repeated where a stage wrote no message of its own."""
_MESSAGE = re.compile(r"python -m pipeline[\w.]*: ")
_UNKNOWN = re.compile(r"No rule to produce (\S+)")
_LATER = re.compile(r"has older modification time \(.*?\) than input (.+?) \(\d")


class Messages(logging.Filter):
    """Listens to Snakemake's messages: which jobs failed, and which rules ran."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[int, Any] = {}
        self._ran: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what is about a job; every message is let through."""
        event = str(getattr(record, "event", None)).rpartition(".")[2].lower()
        if event == "job_info":
            self._ran.add(getattr(record, "rule_name", ""))
        elif event == "job_error":
            self._failed[getattr(record, "jobid", 0)] = record
        elif event == "job_finished":  # where it was tried again
            self._failed.pop(getattr(record, "job_id", 0), None)
        return True

    def found(self, report: str) -> bool:
        """Whether preflight ran, and says in its report that the raw data are not ready."""
        return "preflight" in self._ran and not json.loads(Path(report).read_bytes())["ready"]

    def errors(self) -> str:
        """The last words of each failed job, with its log."""
        lines = []
        for record in [*self._failed.values()][:_JOBS]:
            logs = [*map(Path, getattr(record, "log", ()))]
            lines += ["", f"{getattr(record, 'rule_name', 'a job')} failed{_in(logs)}:"]
            lines += [f"  {line}" for log in logs for line in _last_words(log)]
        if more := len(self._failed) - _JOBS:
            lines += ["", f"and {more} more jobs failed"] if more > 0 else []
        return "\n".join(lines)


def _in(logs: Iterable[Path]) -> str:
    names = ", ".join(map(str, logs))
    return f" ({names})" if names else ""


def _last_words(log: Path) -> list[str]:
    """The message of a stage, or else the last lines of its log."""
    try:
        text = log.read_text(encoding="utf-8", errors="backslashreplace")
    except OSError:
        return ["no log was written: the job did not start, or was killed with its machine"]
    lines = [line for line in text.splitlines() if line.strip()]
    if said := [index for index, line in enumerate(lines) if _MESSAGE.match(line)]:
        return lines[said[-1] :][:_LAST]
    return lines[-_LAST:] or ["its log is empty: it was killed, or the shell refused its command"]


class _Readable(logging.Formatter):
    """The format of another formatter, with long lines cut and some errors explained."""

    def __init__(self, inner: logging.Formatter, targets: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._inner = inner
        self._targets = targets

    def format(self, record: logging.LogRecord) -> str:
        """The text of a message."""
        text = str(self._inner.format(record) or "")
        if unknown := _UNKNOWN.search(text):
            text += f"\n{unknown[1]}: nothing makes it{meant(unknown[1], self._targets())}"
            if "/" in unknown[1]:
                text += "\nA file of another run needs that run's name: --config run=NAME"
        if later := _LATER.search(text):
            text += f"\n{later[1]}: dated later than now; touch it and all that is, then call again"
        return "\n".join(map(_cut, text.split("\n")))


def _cut(line: str) -> str:
    if len(line) <= _LINE:
        return line
    left_out = len(line) - _LINE
    return f"{line[: _LINE - _END]} [... {left_out:,} characters ...] {line[-_END:]}"


def readable(workflow: Any, files: Callable[[], Iterable[str]]) -> Messages:
    """Make Snakemake's messages readable, and listen to them.

    Rules and `files` are what may have been meant by a target that nothing makes. With
    --printshellcmds or --verbose no line is cut.
    """

    def targets() -> set[str]:
        made = (str(file) for rule in workflow.rules for file in rule.output)
        return {rule.name for rule in workflow.rules} | {*made} | {*files()}

    logger, wanted = workflow.logger_manager.logger, workflow.output_settings
    messages = Messages()
    logger.addFilter(messages)
    if not wanted.verbose and not wanted.printshellcmds:
        for handler in logger.handlers:
            terminal = getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
            if terminal and handler.formatter is not None:
                handler.setFormatter(_Readable(handler.formatter, targets))
    return messages
