"""Validate a crate: `python -m pipeline.reporting.crate.validate CRATE`.

    python -m pipeline.reporting.crate.validate CRATE [--level required|recommended]

By the public validator, roc-validator, with its profile Workflow Run Crate 0.5 and those that it
inherits. Works without a network: the one page that the validator would fetch, the JSON-LD context
of RO-Crate 1.1, lies in `vendor` (CC0), unchanged as https://w3id.org/ro/crate/1.1/context has it.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.runtime.cli import in_a_line
from pipeline.runtime.errors import InputError

CONTEXT: Final = "https://w3id.org/ro/crate/1.1/context"
_FILE: Final = Path(__file__).parent / "vendor/ro-crate-1.1-context.jsonld"
PROFILE: Final = "workflow-run-crate"


def validate(crate: Path, level: str = "required") -> list[str]:
    """Return a message for each requirement of a level, or a stricter one, that a crate breaks.

    Raises:
        InputError: There is no such crate, or the validator is not installed.
    """
    if not crate.exists():
        raise InputError(f"{crate}: no such crate; make it: make crate")
    try:
        from rocrate_validator.models import Severity, ValidationSettings
        from rocrate_validator.services import validate as by_the_validator
    except ModuleNotFoundError:
        raise InputError(
            "roc-validator is not installed; install it with: pip install '.[crate]'"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        _keep_context(cache)
        settings = ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier=PROFILE,
            requirement_severity=Severity[level.upper()],
            offline=True,
            cache_path=cache,
        )
        result = by_the_validator(settings)
    return [
        f"{issue.check.identifier}: {issue.message} ({issue.violatingEntity})"
        for issue in result.get_issues()
    ]


def _keep_context(cache: Path) -> None:
    """Put the context into the validator's cache of pages, by fetching it from its file."""
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter
    from requests_cache import CachedSession
    from urllib3 import HTTPResponse

    class FromFile(HTTPAdapter):
        def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
            headers = {"Content-Type": "application/ld+json"}
            body = io.BytesIO(_FILE.read_bytes())
            answer = HTTPResponse(body, headers, status=200, preload_content=False)
            return self.build_response(request, answer)

    with CachedSession(cache_name=str(cache), backend="sqlite") as session:
        session.mount(CONTEXT, FromFile())
        session.get(CONTEXT)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: With a line for each requirement that the crate breaks.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.reporting.crate.validate",
        description=(__doc__ or "").split("\n")[0],
    )
    parser.add_argument("crate", type=Path, help="folder or zip")
    parser.add_argument("--level", choices=("required", "recommended"), default="required")
    given: Any = parser.parse_args(arguments)
    with in_a_line(parser.prog, [given.crate]):
        messages = validate(given.crate, given.level)
    if messages:
        sys.exit("\n".join(f"{parser.prog}: {given.crate}: {message}" for message in messages))
    print(f"{given.crate}: valid by {PROFILE} ({given.level})")


if __name__ == "__main__":
    main()
