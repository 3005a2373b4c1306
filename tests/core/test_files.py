"""File names of links, and pictures found by them."""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entx.core.errors import InputError
from entx.core.files import PictureFolder, file_name, is_url

CHALLENGE = "https://m.media-amazon.com/images/I/"
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+_.-]{0,99}")
RESERVED = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))}

HOSTILE = [
    CHALLENGE + "..", CHALLENGE + "../../etc/passwd.jpg", CHALLENGE + "..%2F..%2Fa.jpg", CHALLENGE + "a%2Fb.jpg",
    CHALLENGE + "a%00.jpg", CHALLENGE + "a\0.jpg", CHALLENGE + "a..jpg", CHALLENGE + ".hidden.jpg",
    CHALLENGE + "-rf.jpg", CHALLENGE + "a/b.jpg", CHALLENGE + "a\\b.jpg", CHALLENGE + "a.jpg\n",
    CHALLENGE + "x" * 300 + ".jpg", CHALLENGE + "CON.jpg", CHALLENGE + "nul.tar.jpg", CHALLENGE + "a.jpg?v=1",
    CHALLENGE + "a.jpg#top", CHALLENGE + "a.jpg/", CHALLENGE + "a.jpg//", CHALLENGE + "a.exe", CHALLENGE + "a",
    CHALLENGE, CHALLENGE + "ä.jpg", CHALLENGE + "a\u0308.jpg", CHALLENGE + "\u0661.jpg", CHALLENGE + "\ud800.jpg",
    CHALLENGE.upper() + "a.jpg", "http://m.media-amazon.com/images/I/a.jpg",
    "https://m.media-amazon.com:443/images/I/a.jpg", "https://m.media-amazon.com.evil.example/images/I/a.jpg",
    "https://user@m.media-amazon.com/images/I/a.jpg", "https://m.media-amazon.com/images/I//a.jpg",
    "https://one.example/a.jpg", "https://two.example/a.jpg", "https://one.example/a.jpg?size=1",
    "https://one.example/a.jpg?size=2", "https://one.example", "https://one.example/", "https://one.example/COM1",
    "file:///etc/passwd", "a.jpg", "./a.jpg", "../a.jpg", "/etc/passwd", "C:\\a.jpg", " a.jpg", "",
]  # fmt: skip
pieces = st.sampled_from(
    [CHALLENGE, "https://one.example/", "..", "/", "\\", "%2F", "\0", "a", "A", ".jpg", ".png", "?", "#", "-", "é", ":"]
)
links = st.one_of(
    st.text(max_size=40), st.lists(pieces, max_size=8).map("".join), st.from_regex(CHALLENGE + r"[\w+.-]*\.jpg")
)


@pytest.mark.parametrize("name", ["110EibNyclL.jpg", "21+i52HRW4L.jpg", "51-+a-b_cL.jpg", "81abc.JPG", "a.b.png"])
def test_a_plain_name_of_the_challenge_is_kept(name: str) -> None:
    assert file_name(CHALLENGE + name) == name


def test_names_are_the_same_in_every_process_and_release() -> None:
    assert file_name("https://one.example/a b.PNG?x=1") == "a_b-87deb4973d497ca1.png"
    assert file_name("https://one.example/") == "picture-8f058569ebe73da9.img"


@pytest.mark.parametrize("link", HOSTILE)
def test_a_hostile_link_gets_a_safe_name_of_its_own(link: str, tmp_path: Path) -> None:
    name = file_name(link)
    assert SAFE.fullmatch(name)
    assert ".." not in name
    assert name.partition(".")[0].lower() not in RESERVED
    assert re.search(r"-[0-9a-f]{16}\.[a-z]+$", name), "only a plain name of the challenge goes without its hash"
    (tmp_path / name).touch()
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()


def test_hostile_links_never_share_a_file() -> None:
    every = [*HOSTILE, CHALLENGE + "a.jpg", CHALLENGE + "A.jpg"]
    assert len({file_name(link) for link in every}) == len(every)
    assert len({file_name(link).lower() for link in HOSTILE}) == len(HOSTILE), "hashed names survive a caseless disk"


def test_a_link_cannot_be_made_that_takes_the_hashed_name_of_another() -> None:
    victim = "https://one.example/a.jpg"
    for stolen in (file_name(victim), file_name(victim).upper()):
        assert file_name(CHALLENGE + stolen).lower() != stolen.lower()


@given(links)
def test_every_name_is_safe(link: str) -> None:
    name = file_name(link)
    assert SAFE.fullmatch(name)
    assert ".." not in name
    assert name.partition(".")[0].lower() not in RESERVED
    assert file_name(link) == name


@given(st.lists(links, unique=True, max_size=20))
@example([CHALLENGE + "a.jpg", CHALLENGE + file_name(CHALLENGE + "a.jpg?")])
def test_distinct_links_have_distinct_names(several: list[str]) -> None:
    assert len({file_name(link) for link in several}) == len(several)


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://x/a", True), ("file:///a", True), ("FTP://a", True), ("a.jpg", False), ("C:\\a.jpg", False),
        ("", False),
    ],
)  # fmt: skip
def test_is_url(link: str, url: bool) -> None:
    assert is_url(link) is url


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_jpg", ".jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def found(folder: Path, *links: str) -> list[str]:
    """Where the files of a table's links lie in a folder; the reason for one that is not found."""
    pictures = PictureFolder([folder], links)
    return [one.path.relative_to(folder).as_posix() if one.path else one.reason for one in map(pictures.find, links)]


def test_a_downloaded_file_is_found_by_its_name_in_any_depth(tmp_path: Path) -> None:
    other = "https://one.example/a.jpg"
    write(tmp_path, a_jpg="challenge")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / file_name(other)).write_text("other")
    assert found(tmp_path, CHALLENGE + "a.jpg", other) == ["a.jpg", f"deep/{file_name(other)}"]


def test_a_base_name_is_followed_only_for_its_one_link(tmp_path: Path) -> None:
    write(tmp_path, a_jpg="1", b_jpg="2")
    shared = ["https://one.example/a.jpg", "https://two.example/a.jpg?x", "https://three.example/p%2Fa.jpg"]
    said = found(tmp_path, *shared, "https://one.example/b.jpg", "https://one.example/b.jpg")
    assert said == ["ambiguous: several links of the table end in a.jpg"] * 3 + ["b.jpg"] * 2


def test_the_file_of_one_link_is_no_base_name_of_another(tmp_path: Path) -> None:
    owner = "https://one.example/a.jpg"
    thief = "https://two.example/" + file_name(owner)
    (tmp_path / file_name(owner)).write_text("owner's")
    write(tmp_path, b_jpg="challenge's")
    said = found(tmp_path, owner, CHALLENGE + "b.jpg", thief, "https://two.example/b.jpg")
    assert said[:2] == [file_name(owner), "b.jpg"]
    assert all(one.startswith("ambiguous: ") for one in said[2:])


def test_escapes_in_a_base_name(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_text("1")
    (tmp_path / "c%20d.jpg").write_text("2")
    *said, none = found(tmp_path, *(f"https://one.example/{name}" for name in ("a%20b.jpg", "c%20d.jpg", "x%2F..")))
    assert said == ["a b.jpg", "c%20d.jpg"]
    assert none.startswith("no file ")


def test_plain_names_and_paths_name_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path, a_jpg="1", sub__a_jpg="2", sub__b_jpg="3")
    *said, several = found(tmp_path, "a.jpg", "sub/a.jpg", "./sub/b.jpg", "sub\\b.jpg", "b.jpg")
    assert said == ["a.jpg", "sub/a.jpg", "sub/b.jpg", "sub/b.jpg"]
    assert several.startswith("ambiguous: several links")
    assert found(tmp_path, "b.jpg") == ["sub/b.jpg"]


def test_files_of_one_name_must_be_equal(tmp_path: Path) -> None:
    write(tmp_path, one__a_jpg="same", two__a_jpg="same", one__b_jpg="12", two__b_jpg="21")
    links = [CHALLENGE + "a.jpg", CHALLENGE + "b.jpg"]
    pictures = PictureFolder([tmp_path / "one", tmp_path / "two", tmp_path / "one"], links)
    assert pictures.find(links[0]).path == tmp_path / "one" / "a.jpg"
    differing = pictures.find(links[1])
    assert differing.path is None
    assert re.fullmatch(r"ambiguous: .*b\.jpg differ", differing.reason)


@pytest.mark.parametrize("link", ["../secret.jpg", "/secret.jpg", "a/../../secret.jpg", "secret.jpg"])
def test_nothing_outside_is_found(link: str, tmp_path: Path) -> None:
    write(tmp_path, secret_jpg="secret", pictures__a_jpg="1")
    assert found(tmp_path / "pictures", link) == [f"no file {link}"]


def test_links_of_the_file_system_are_followed_inside_only(tmp_path: Path) -> None:
    folder, outside = tmp_path / "pictures", tmp_path / "outside"
    write(tmp_path, pictures__a_jpg="1", outside__secret_jpg="secret")
    (folder / "inside.jpg").symlink_to(folder / "a.jpg")
    (folder / "leaves.jpg").symlink_to(outside / "secret.jpg")
    (folder / "broken.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "sub").symlink_to(outside)
    os.mkfifo(folder / "pipe.jpg")
    said = found(folder, "inside.jpg", "sub/secret.jpg", "leaves.jpg", "broken.jpg", "pipe.jpg")
    assert said[:2] == ["inside.jpg", "no file sub/secret.jpg"]
    assert all(one.endswith("no regular file, or a link that leaves the folder") for one in said[2:])


def test_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    write(tmp_path, _hidden__a_jpg="1")
    (tmp_path / "_hidden").rename(tmp_path / ".hidden")
    (tmp_path / ".a.jpg.x.part").write_text("half")
    assert found(tmp_path, "a.jpg", ".a.jpg.x.part") == ["no file a.jpg", "no file .a.jpg.x.part"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        PictureFolder([tmp_path / "none"], [])


def test_the_whole_test_table_is_looked_up_in_linear_time(tmp_path: Path) -> None:
    links = [f"{CHALLENGE}{i % 90_000}.jpg" for i in range(131_187)]
    for i in range(1_700):
        (tmp_path / f"{i}.jpg").touch()
    started = time.process_time()
    pictures = PictureFolder([tmp_path], links)
    assert sum(pictures.find(link).path is not None for link in links) == 3_400
    assert time.process_time() - started < 5, "measured 0.4 s; a scan per link would take minutes"
