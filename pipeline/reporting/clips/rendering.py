"""Pages of clips from their templates, with a policy under which nothing else runs."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup


def rendered(template: str, data: Mapping[str, Any] | None = None, **values: Any) -> str:
    """Text of a template in templates/ with these values, the style and, for `data`, the script."""
    script, style = _source("clip.js") if data is not None else "", _source("clip.css")
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    own = {
        "data": Markup(text),
        "script": Markup(script),
        "style": Markup(style),
        "script_digest": _digest(script),
        "style_digest": _digest(style),
    }
    return _environment().get_template(template).render(**values, **own)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.reporting.clips"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(template: str) -> str:
    """A file of templates/ as it stands."""
    environment = _environment()
    assert environment.loader
    return environment.loader.get_source(environment, template)[0]


def _digest(text: str) -> str:
    """What the page's policy names a script or style by, that no other may run in it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
