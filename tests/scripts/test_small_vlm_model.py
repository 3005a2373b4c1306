"""The small model: its fast forward pass is the library's, it learns to read a few pictures, it saves and reloads."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image  # noqa: E402
from transformers import Qwen2VLForConditionalGeneration  # noqa: E402
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil  # noqa: E402

from entx.core.entities import CHALLENGE  # noqa: E402
from scripts.small_vlm.glyphs import ACROSS, ALPHABET, UNKNOWN, GlyphHead, glyph_map  # noqa: E402
from scripts.small_vlm.model import SmallBatch, SmallReader, SmallShape, build_model, encode_views  # noqa: E402
from scripts.small_vlm.prints import Glyph, crop  # noqa: E402
from scripts.small_vlm.tokenizer import ASK, END, IMAGE, VISION_END, VISION_START, build_tokenizer  # noqa: E402

TINY = SmallShape(vision_width=64, vision_layers=2, vision_heads=2, hidden=64, layers=2, heads=2, kv_heads=1, inner=128)
ASKS = (("height", "12.5 inch"), ("item weight", "none"))


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CHALLENGE, ["none none"])


@pytest.fixture
def reader(tokenizer) -> SmallReader:
    torch.set_num_threads(1)
    return SmallReader(build_model(tokenizer, TINY).eval(), tokenizer)


def _noise(count: int, *sizes: tuple[int, int]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(3)
    return tuple(rng.integers(0, 255, (count, height, width, 3), dtype=np.uint8) for width, height in sizes)


@pytest.mark.parametrize("sizes", [((56, 28),), ((112, 56), (28, 84), (140, 140))])
def test_losses_are_those_of_the_librarys_forward_pass(reader: SmallReader, tokenizer, sizes) -> None:
    """Through its own image processor, vision tower and positions: several views, several questions."""
    batch = SmallBatch(_noise(3, *sizes), (ASKS,) * 3)
    with torch.no_grad():
        ours = reader.losses(batch)[0]
    images, theirs = Qwen2VLImageProcessorPil(), []
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    for number in range(3):
        views = [Image.fromarray(view[number]) for view in batch.views]
        pixels = images(images=views, do_resize=False, return_tensors="pt")
        for question, answer in ASKS:
            placeholders = (IMAGE * (int(grid.prod()) // 4) for grid in pixels["image_grid_thw"])
            text = "".join(VISION_START + one + VISION_END for one in placeholders) + question + ASK
            end = tokenizer(answer + END, return_tensors="pt").input_ids
            ids = torch.cat([tokenizer(text, return_tensors="pt").input_ids, end], 1)
            with torch.no_grad():
                logits = reader.model(
                    input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == image).int(), **pixels
                ).logits  # fmt: skip
            said = logits[0, -end.shape[1] - 1 : -1].log_softmax(-1)
            theirs.append(-said.gather(1, end[0, :, None])[:, 0])
    torch.testing.assert_close(ours, torch.cat(theirs), rtol=1e-3, atol=1e-4)


def test_answers_are_those_of_the_librarys_generation(reader: SmallReader, tokenizer) -> None:
    batch = SmallBatch(_noise(2, (84, 56)), ((("width", ""),), (("voltage", ""),)))
    images, theirs = Qwen2VLImageProcessorPil(), []
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    for number, ((question, _),) in enumerate(batch.asks):
        pixels = images(images=[Image.fromarray(batch.views[0][number])], do_resize=False, return_tensors="pt")
        ids = tokenizer(VISION_START + IMAGE * 6 + VISION_END + question + ASK, return_tensors="pt").input_ids
        found = reader.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == image).int(), **pixels,
            max_new_tokens=7, do_sample=False,
        )  # fmt: skip
        theirs.append(tokenizer.decode(found[0, ids.shape[1] :], skip_special_tokens=True))
    assert reader.answers(batch, most=7) == theirs


def test_image_tokens_are_one_for_each_square_of_28_pixels(reader: SmallReader) -> None:
    (view,) = _noise(2, (140, 56))
    assert encode_views(reader.model, torch.from_numpy(view)).shape == (2, 10, TINY.hidden)


def test_glyphs_are_found_in_the_patches_where_they_stand() -> None:
    found = glyph_map([Glyph("7", 0, 0, 14, 14), Glyph("x", 14, 14, 28, 28), Glyph("ß", 28, 0, 42, 14)], 56, 28)
    assert found.shape == (8, ACROSS)
    order = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)]  # squares of four patches
    expected = {(0, 0): ALPHABET.index("7") + 2, (1, 1): ALPHABET.index("x") + 2, (0, 2): 1}
    for classes, place in zip(found, order, strict=True):
        assert classes.tolist() == [expected.get(place, 0)] * ACROSS


def test_glyphs_outside_of_the_picture_and_spaces_are_left_out() -> None:
    found = glyph_map([Glyph(" ", 0, 0, 14, 14), Glyph("a", -20, 0, -5, 14), Glyph("b", 50, -3, 70, 11)], 56, 28)
    assert set(found.reshape(-1).tolist()) == {0, ALPHABET.index("b") + 2}


def test_nothing_is_learnt_where_print_is_unknown() -> None:
    """Loss and gradient are those of the other places alone."""
    torch.manual_seed(0)
    head, patches = GlyphHead(16), torch.randn(1, 4, 16)
    known = glyph_map([Glyph("7", 0, 0, 14, 14)], 28, 28)
    half = glyph_map([Glyph("7", 0, 0, 14, 14), Glyph("", 14, 0, 28, 28)], 28, 28)
    assert (half == UNKNOWN).sum() == 2 * ACROSS
    whole, _ = head(patches, torch.from_numpy(half))
    only, right = head(patches[:, [0, 2]], torch.from_numpy(half[[0, 2]]))
    torch.testing.assert_close(whole, only)
    assert 0 <= float(right) <= 1
    assert float(head(patches, torch.from_numpy(known))[0].detach()) != pytest.approx(float(whole.detach()))
    empty, share = head(patches, torch.full((1, 4, ACROSS), UNKNOWN))
    assert float(empty.detach()) == float(share) == 0.0


def test_the_order_of_glyph_maps_is_the_order_of_patches(reader: SmallReader) -> None:
    """A picture in which one patch differs: that patch's row of the tower's input differs, no other."""
    from scripts.small_vlm.model import _patches

    tower = reader.model.model.visual
    tower.blocks = torch.nn.ModuleList()  # without attention each patch stands for itself
    plain = np.full((1, 56, 84, 3), 200, dtype=np.uint8)
    marked = plain.copy()
    marked[0, 14:28, 42:56] = 0
    with torch.no_grad():
        rows = [_patches(reader.model, torch.from_numpy(view))[0] for view in (plain, marked)]
    changed = (rows[0] - rows[1]).abs().sum(-1) > 1e-6
    wanted = glyph_map([Glyph("1", 42, 14, 56, 28)], 84, 56)
    assert changed.nonzero().flatten().tolist() == np.flatnonzero(wanted[:, 0]).tolist()


def test_a_few_pictures_are_learnt_and_shuffled_ones_are_not(tokenizer) -> None:
    """Overfits 24 rendered lines; the same answers to exchanged pictures would be wrong."""
    torch.manual_seed(0)
    model = build_model(tokenizer, TINY, seed=1)
    reader, glyphs = SmallReader(model, tokenizer), GlyphHead(TINY.vision_width)
    samples = [crop(random.Random(seed), (84, 28), plain=True) for seed in range(24)]
    asks = tuple(
        ((CHALLENGE[name].words, value.text if value else "none"),) for one in samples for name, value in one.asks
    )
    batch = SmallBatch(
        (np.stack([np.asarray(one.views[0]) for one in samples]),), asks,
        (np.stack([glyph_map(one.glyphs[0], 84, 28) for one in samples]),),
    )  # fmt: skip
    optimizer = torch.optim.AdamW([*model.parameters(), *glyphs.parameters()], lr=3e-3)
    for step in range(160):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 20)
        losses, _, read = reader.losses(batch, glyphs)
        assert read is not None
        optimizer.zero_grad()
        (losses.mean() + read[0]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    wanted = [answer for ((_, answer),) in asks]
    right = sum(one == other for one, other in zip(reader.answers(batch), wanted, strict=True))
    exchanged = SmallBatch((np.roll(batch.views[0], 1, axis=0),), asks)
    lost = sum(one == other for one, other in zip(reader.answers(exchanged), wanted, strict=True))
    assert right >= 21
    assert lost <= 12


def test_models_of_one_seed_are_equal_and_reload(tokenizer, tmp_path: Path) -> None:
    one, other = (build_model(tokenizer, TINY, seed=5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    one.save_pretrained(tmp_path)
    again = Qwen2VLForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32)
    batch = SmallBatch(_noise(1, (56, 28)), (ASKS,))
    with torch.no_grad():
        losses = [SmallReader(model.eval(), tokenizer).losses(batch)[0] for model in (one, again)]
    torch.testing.assert_close(losses[0], losses[1])


def test_the_default_shape_has_some_seven_million_parameters(tokenizer) -> None:
    count = sum(one.numel() for one in build_model(tokenizer, SmallShape()).parameters())
    assert 5e6 < count < 10e6
