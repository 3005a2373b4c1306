"""Foreign text in HTML: escaping, assets, and the policy that lets a page run and load nothing but its own parts."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib.resources import files

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """Foreign text as HTML text or attribute value; what HTML cannot hold is shown as U+FFFD."""
    return escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def foreign(text: str) -> str:
    """Foreign text in a box of its own, so that its direction marks turn nothing around it."""
    return f"<bdi>{plain(text)}</bdi>"


def content_policy(style: str, script: str) -> str:
    """A content security policy for a page with one style, one script (both by hash) and pictures inside."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def asset(package: str, name: str) -> str:
    """A text file that ships in a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def data_uri(jpeg: bytes) -> str:
    """A JPEG inside the page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _hash(source: str) -> str:
    """As a content security policy names what it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
