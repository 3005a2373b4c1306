from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from entx.core.errors import InputError, PictureError
from entx.core.quantity import Quantity, parse_written
from entx.core.types import NO_EVIDENCE, Alignment, Answer, Evidence, OcrLine, OcrPage, PageStatus, Polygon, Question
from entx.demo.evidence import CAPTION_GROUND, EVIDENCE_COLOUR, LINE_COLOUR, caption, draw_evidence

BRAND: Polygon = (40, 30, 240, 30, 240, 80, 40, 80)
WEIGHT: Polygon = (60, 200, 260, 200, 260, 240, 60, 240)
PAGE = OcrPage(
    "0" * 64, PageStatus.OK, width=400, height=300,
    lines=(OcrLine("Nordhaven", 0.99, BRAND), OcrLine("NET WT 500 g", 0.98, WEIGHT)),
)  # fmt: skip
QUESTION = Question(7, "pouch.jpg", "900001", "item_weight")


def answer(text: str = "500 gram", evidence: Evidence | None = None) -> Answer:
    found = Evidence(Alignment.EXACT, (1,), WEIGHT) if evidence is None else evidence
    return Answer(parse_written(text), text, "" if text else "no legal quantity in the lines", found)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "pouch.png"
    Image.new("RGB", (400, 300), (255, 255, 255)).save(path)
    return path


def coloured(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:  # type: ignore[type-arg]
    return (np.asarray(image.convert("RGB")) == colour).all(axis=2)


def test_lines_are_thin_and_the_evidence_bold(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "evidence.png"
    draw_evidence(picture, out, lines=PAGE, answer=answer(), question=QUESTION)
    with Image.open(out) as image:
        assert image.format == "PNG"
        thin, bold = coloured(image, LINE_COLOUR), coloured(image, EVIDENCE_COLOUR)
        assert thin[30, 40:240].all()
        assert not thin[33:77, 45:235].any()  # a box, not a filled area
        assert bold[199:201, 70:250].all()
        assert bold[200:240, 60].all()
        assert bold[:300].sum() > 3 * thin[:300].sum() * 0.5


def test_the_strip_is_below_the_picture(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "evidence.png"
    draw_evidence(picture, out, lines=PAGE, answer=answer(), question=QUESTION)
    with Image.open(out) as image:
        assert image.width == 400
        assert image.height > 330
        strip = np.asarray(image)[302:]
        assert (strip[:, -3:] == CAPTION_GROUND).all()  # text does not run to the edge
        assert (strip > 200).all(axis=2).any()  # and there is text
        assert (np.asarray(image)[:25] == 255).all()


def test_an_answer_without_evidence_gets_no_bold_box(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "evidence.png"
    draw_evidence(picture, out, lines=PAGE, answer=answer(evidence=NO_EVIDENCE), question=QUESTION)
    with Image.open(out) as image:
        assert not coloured(image, EVIDENCE_COLOUR).any()
        assert coloured(image, LINE_COLOUR).any()


def test_words_of_the_strip() -> None:
    first, second = caption(PAGE, answer(), QUESTION)
    assert first == "item weight: 500.0 gram"
    assert second == 'read as "NET WT 500 g" (exact)'
    assert caption(PAGE, answer("", NO_EVIDENCE), QUESTION) == (
        "item weight: no answer", "no legal quantity in the lines",
    )  # fmt: skip
    assert caption(PAGE, answer(evidence=NO_EVIDENCE), QUESTION)[1] == "found in no line of the picture"


def test_evidence_of_two_lines_names_both() -> None:
    both = Evidence(Alignment.NORMALISED, (0, 1), WEIGHT)
    assert caption(PAGE, answer(evidence=both), QUESTION)[1] == 'read as "Nordhaven / NET WT 500 g" (normalised)'


def test_long_and_foreign_text_fits(picture: Path, tmp_path: Path) -> None:
    page = OcrPage("0" * 64, PageStatus.OK, lines=(OcrLine("重量 " + "500 g " * 80, 0.9, WEIGHT),))
    out = tmp_path / "evidence.png"
    found = Evidence(Alignment.FUZZY, (0,), WEIGHT)
    draw_evidence(picture, out, lines=page, answer=answer(evidence=found), question=QUESTION)
    with Image.open(out) as image:
        assert (np.asarray(image)[302:, -3:] == CAPTION_GROUND).all()


def test_the_picture_is_turned_upright_like_the_reader_does(tmp_path: Path) -> None:
    picture, out = tmp_path / "turned.jpg", tmp_path / "evidence.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    Image.new("RGB", (300, 400), (255, 255, 255)).save(picture, exif=exif)
    draw_evidence(picture, out, lines=PAGE, answer=answer(), question=QUESTION)
    with Image.open(out) as image:
        assert image.width == 400


def test_a_broken_picture_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    picture, out = tmp_path / "broken.jpg", tmp_path / "evidence.png"
    picture.write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(PictureError, match=r"broken\.jpg: cannot be decoded"):
        draw_evidence(picture, out, lines=PAGE, answer=answer(), question=QUESTION)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.jpg"]


def test_a_place_that_cannot_be_written_is_named(picture: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        draw_evidence(picture, picture / "evidence.png", lines=PAGE, answer=answer(), question=QUESTION)


def test_no_answer_is_no_quantity() -> None:
    assert answer("").quantity is None
    assert answer().quantity == Quantity(answer().quantity.value, "gram")  # type: ignore[union-attr]
