"""How pages are made from templates, under a policy that runs no scripts but their own."""

import base64
import hashlib
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, select_autoescape


def environment(loader: BaseLoader, **options: Any) -> Environment:
    """Return an environment whose templates of HTML escape by themselves.

    A name that a template misspells is an error, not an empty cell. The module that gives the
    loader imports jinja2, since by that a digest of code finds its templates.
    """
    return Environment(
        loader=loader,
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )


def source(templates: Environment, name: str) -> str:
    """Return the text of a template as it stands, such as that of a script."""
    assert templates.loader
    return templates.loader.get_source(templates, name)[0]


def digest(text: str) -> str:
    """Return what a page's policy names a script or style by, so that no other may run in it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
