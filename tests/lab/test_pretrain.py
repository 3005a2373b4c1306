import pytest

torch = pytest.importorskip("torch", reason="needs the llm extra")

from entx.llm_stage.data import TokenRow  # noqa: E402
from entx.llm_stage.prompt import TAGS  # noqa: E402
from lab.pretrain import (  # noqa: E402  # noqa: E402
    ModelShape,
    PretrainSettings,
    batch_loss,
    build_model,
    learning_rate,
    plan_batches,
    pretrain,
    train_tokenizer,
)

TINY = ModelShape(hidden=48, layers=2, heads=2, inner=96)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["<x01><y02> Net weight [500 gram]", "<x03> Height [12.5 inch] Width [30 centimetre]"], 420)


def page_of(tokenizer, text, **answers):
    asks = tuple(
        (tuple(tokenizer(f"<q> {name}<a>").input_ids), (*tokenizer(answer).input_ids, tokenizer.eos_token_id))
        for name, answer in answers.items()
    )
    return TokenRow(tuple(tokenizer(text).input_ids), asks)


def some_pages(tokenizer):
    return [
        page_of(tokenizer, f"<page> Height [{n} inch] Width [{n + 7} inch]", height=f"{n} inch", width=f"{n + 7} inch")
        for n in range(1, 41)
    ]


def test_tags_are_single_tokens_and_digits_stand_alone(tokenizer):
    assert tokenizer.tokenize("<x07><y02>") == ["<x07>", "<y02>"]
    assert tokenizer.tokenize("123") == ["1", "2", "3"]
    assert {tokenizer.convert_tokens_to_ids(f"<{tag}>") for tag in TAGS}.isdisjoint({None, tokenizer.unk_token_id})


def test_any_text_survives_the_tokenizer_in_lower_case_and_it_reloads_as_it_was(tokenizer, tmp_path):
    from transformers import AutoTokenizer

    text = "Größe 12,5 cm ≈ 厘米 \u200b!"
    assert tokenizer.decode(tokenizer(text).input_ids) == text.lower()
    tokenizer.save_pretrained(tmp_path)
    build_model(tokenizer, TINY).save_pretrained(tmp_path)
    text = "<x01><s2> Net weight [12.50 fluid ounce]\n"
    assert AutoTokenizer.from_pretrained(tmp_path)(text).input_ids == tokenizer(text).input_ids


def test_batches_hold_every_page_once_and_keep_the_token_limit(tokenizer):
    pages = some_pages(tokenizer)
    settings = PretrainSettings(tokens_per_batch=400)
    batches = plan_batches(pages, settings, 3)
    assert sorted(n for batch in batches for n in batch) == [*range(40)]
    assert all(len(batch) * max(pages[n].length for n in batch) <= 400 for batch in batches)
    assert batches == plan_batches(pages, settings, 3) != plan_batches(pages, settings, 4)


def test_the_rate_warms_up_and_ends_at_a_twentieth():
    settings = PretrainSettings(learning_rate=1.0, warmup=10)
    rates = [learning_rate(step, step / 1000, settings) for step in range(1001)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == pytest.approx(1.0, rel=0.01)
    assert rates[1000] == pytest.approx(0.05)


def test_the_loss_is_of_the_answers_and_of_the_page_by_its_share(tokenizer):
    model, page = build_model(tokenizer, TINY), page_of(tokenizer, "<page> [5 inch]", height="5 inch")
    with torch.no_grad():
        losses = [batch_loss(model, [page], PretrainSettings(page_share=share))[:2] for share in (0.0, 0.5, 1.0)]
    own = [float(total) - answers for total, answers in losses]
    assert own[0] == pytest.approx(0.0, abs=1e-5)
    assert 2 * own[1] == pytest.approx(own[2], rel=1e-2) != 0


def test_it_learns_to_pick_the_number_that_is_asked(tokenizer, tmp_path):
    model = build_model(tokenizer, TINY)
    reports = []
    settings = PretrainSettings(shards=150, tokens_per_batch=300, learning_rate=4e-3, warmup=20, page_share=0.0)
    pretrain(model, lambda _: some_pages(tokenizer)[:9], settings, tmp_path, report=reports.append)
    assert reports[-1]["right"] > 0.95 > reports[0]["right"]


def test_an_interrupted_training_goes_on_to_the_same_weights(tokenizer, tmp_path):
    pages = some_pages(tokenizer)
    whole, halves = (build_model(tokenizer, TINY) for _ in range(2))
    settings = PretrainSettings(shards=4, tokens_per_batch=400, warmup=2, save_minutes=0.0)
    pretrain(whole, lambda _: pages, settings, tmp_path / "whole")

    def interrupted(number):
        if number == 2:
            raise KeyboardInterrupt
        return pages

    with pytest.raises(KeyboardInterrupt):
        pretrain(halves, interrupted, settings, tmp_path / "halves")
    resumed = build_model(tokenizer, TINY, seed=5)
    pretrain(resumed, lambda _: pages, settings, tmp_path / "halves")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
