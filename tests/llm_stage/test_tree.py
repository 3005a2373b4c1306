import pytest

torch = pytest.importorskip("torch", reason="needs the llm extra")

from entx.llm_stage.pretrain import ModelShape, build_model  # noqa: E402
from entx.llm_stage.tokenizer import train_tokenizer  # noqa: E402
from entx.llm_stage.tree import Segment, pack  # noqa: E402

TREE = [Segment([5, 6, 7]), Segment([8, 9], 0), Segment([10], 1), Segment([11, 12], 1), Segment([13], 0)]
PATHS = {1: [5, 6, 7, 8, 9], 2: [5, 6, 7, 8, 9, 10], 3: [5, 6, 7, 8, 9, 11, 12], 4: [5, 6, 7, 13]}


def test_positions_count_on_from_the_parents_end():
    packed = pack([TREE], pad=0)
    assert packed.ids[0].tolist() == [5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert packed.positions[0].tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 3]
    assert packed.starts == [[0, 3, 5, 6, 8]]
    assert packed.ends == [[2, 4, 5, 7, 8]]


def test_a_segment_sees_its_ancestors_and_itself_only():
    mask = pack([TREE], pad=0).mask[0, 0]
    ids = pack([TREE], pad=0).ids[0]
    assert ids[mask[7]].tolist() == PATHS[3]
    assert ids[mask[8]].tolist() == PATHS[4]
    assert ids[mask[1]].tolist() == [5, 6]


def test_padding_sees_only_itself():
    packed = pack([TREE, [Segment([4])]], pad=0)
    assert packed.ids[1].tolist() == [4] + [0] * 8
    assert packed.mask[1, 0].sum(1).tolist() == [1] * 9


@torch.no_grad()
def test_every_path_gets_the_logits_that_it_gets_on_its_own():
    tokenizer = train_tokenizer(["height 12 cm", "width 5 inch"], 400)
    model = build_model(tokenizer, ModelShape(hidden=32, layers=2, heads=2, inner=64)).eval()
    packed = pack([TREE, [Segment([4, 5])]], pad=0)
    together = model(input_ids=packed.ids, position_ids=packed.positions, attention_mask=packed.mask).logits
    for segment, path in PATHS.items():
        alone = model(input_ids=torch.tensor([path])).logits[0, -1]
        assert torch.allclose(together[0, packed.ends[0][segment]], alone, atol=1e-5)
