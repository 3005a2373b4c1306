"""Foreign text in HTML stays text."""

from __future__ import annotations

import base64
import hashlib
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entx.report.markup import asset, content_policy, data_uri, foreign, plain


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ('"it\'s"', "&quot;it&#x27;s&quot;"),
        ("</script>", "&lt;/script&gt;"),
        ("zero\0bell\a", "zero\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("tab\tline\n", "tab\tline\n"),
        ("", ""),
    ],
)
def test_plain(text: str, written: str) -> None:
    assert plain(text) == written


@given(st.text())
def test_no_text_opens_a_tag_or_ends_an_attribute(text: str) -> None:
    written = plain(text)
    assert not set(written) & set("<>\"'")
    written.encode("utf-8")
    assert len(unescape(written)) == len(text)


def test_foreign_text_has_a_box_of_its_own() -> None:
    assert foreign("<i>") == "<bdi>&lt;i&gt;</bdi>"


def test_the_policy_names_style_and_script_by_hash() -> None:
    policy = content_policy("a{}", "b()")
    for source, rule in (("a{}", "style-src"), ("b()", "script-src")):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_a_jpeg_inside_the_page() -> None:
    assert data_uri(b"\xff\xd8") == "data:image/jpeg;base64,/9g="


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("entx.report", "page.html"),
        ("entx.report", "page.js"),
        ("entx.report.ablation", "ablation.html"),
        ("entx.report.ablation", "ablation.css"),
        ("entx.report.ablation", "ablation.js"),
    ],
)
def test_assets_ship_with_the_package(package: str, name: str) -> None:
    text = asset(package, name)
    assert text.endswith("\n")
    assert "http://" not in text
    assert "https://" not in text
    if name.endswith(".js"):
        assert "innerHTML" not in text
        assert "eval(" not in text
