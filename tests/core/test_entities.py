from pathlib import Path

import pytest

from entx.core.entities import CHALLENGE, Entity, load_schema
from entx.core.errors import InputError


def test_a_file_adds_entities_and_replaces_those_of_its_names(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text(
        '[entity.cable]\nkind = "length"\nunits = ["metre"]\ncues = ["Cord"]\n[entity.voltage]\nkind = "voltage"\n'
        'units = ["volt"]\n'
    )
    schema = load_schema(path)
    assert schema["cable"] == Entity("cable", "length", ("metre",), ("cord",))
    assert schema["voltage"] == Entity("voltage", "voltage", ("volt",))
    assert list(schema.entities) == [*CHALLENGE.entities, "cable"]
    assert schema["width"] == CHALLENGE["width"]


def test_digests_tell_schemas_apart_and_stay_what_they_were(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text('[entity.cable]\nkind = "length"\nunits = ["metre"]\n')
    assert load_schema(None).digest == "aa35f7bc7d4f21fd"
    assert load_schema(path).digest == "470c807d1b92977c"


def test_all_faults_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text(
        '[entity]\nflat = 3\n[entity.a]\nkind = ""\ncolour = "red"\n[entity.b]\nkind = 5\nunits = []\n'
        'cues = "x"\n[entity.c]\nkind = "c"\nunits = ["x", ""]\ncues = [1, 2]\n[entity.d]\nkind = "d"\nunits = "m"\n'
    )
    with pytest.raises(InputError) as caught:
        load_schema(path)
    assert set(str(caught.value).removeprefix(f"{path}: ").split("; ")) == {
        "[entity.flat] must be a table", '[entity.a] needs kind, a word such as "length"',
        "[entity.a] has the unknown key 'colour' (known: kind, units, cues)",
        "[entity.a] needs units, a list of unit names", '[entity.b] needs kind, a word such as "length"',
        "[entity.b] needs units, a list of unit names", "[entity.b] cues must be a list of words",
        "[entity.c] needs units, a list of unit names", "[entity.c] cues must be a list of words",
        "[entity.d] needs units, a list of unit names",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected [entity.NAME] tables and nothing else"), ("entity = 3", "expected [entity.NAME] tables"),
        ("[entity]", "expected [entity.NAME] tables"),
        ('title = "x"\n[entity.a]\nkind = "a"\nunits = ["b"]', "nothing else"),
        *((text, "not a readable TOML schema") for text in ("[entity.a", "a = " + "1" * 5_000, "a = " + "[" * 9_999)),
    ],
)  # fmt: skip
def test_files_that_are_no_schema(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_schema(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
