"""Pages of clips from their templates, with a policy under which nothing else runs."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pipeline.reporting.html import digest, environment, source


def rendered(template: str, data: Mapping[str, Any] | None = None, **values: Any) -> str:
    """Text of a template in templates/ with these values, the style and, for `data`, the script."""
    templates = _templates()
    script = source(templates, "clip.js") if data is not None else ""
    style = source(templates, "clip.css")
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    own = {
        "data": Markup(text),
        "script": Markup(script),
        "style": Markup(style),
        "script_digest": digest(script),
        "style_digest": digest(style),
    }
    return templates.get_template(template).render(**values, **own)


@cache
def _templates() -> Environment:
    return environment(PackageLoader("pipeline.reporting.clips"))
