"""Token rows: what is learnt is exactly what the model is asked and scored on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from entx.core.errors import InputError
from entx.llm_stage.backends.base import Ask, PageAsk
from entx.llm_stage.backends.transformers import TransformersModel
from entx.llm_stage.encode import IGNORED, Encoder, TokenRow, count_tokens
from entx.llm_stage.prompt import Style
from tests.llm_stage.tiny_models import tiny_model, tiny_tokenizer
from tests.llm_stage.training import CHAT


@dataclass(frozen=True)
class Plain:
    page: str
    question: str
    completion: str
    weight: float = 1.0


EXAMPLES = [
    Plain("[5 inch]\n", "<q> width<a>", "5 inch"),
    Plain("[12 gram] x\n[3 inch]\n", "<q> weight<a>", "none", 0.5),
]


def test_a_row_is_prompt_completion_and_end() -> None:
    tokenizer = tiny_tokenizer()
    row = Encoder(tokenizer, Style.COMPACT).encode(EXAMPLES)[0]
    assert tokenizer.decode(row.tokens[: row.prompt]) == "[5 inch]\n<q> width<a>"
    assert tokenizer.decode(row.tokens[row.prompt : -1]) == "5 inch"
    assert row.tokens[-1] == tokenizer.eos_token_id
    assert row.weight == 1.0


def test_only_the_completion_and_the_end_are_learnt() -> None:
    row = TokenRow((7, 8, 9, 1), 2, 1.0)
    assert row.labels == [IGNORED, IGNORED, 9, 1]


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_the_loss_of_a_row_is_its_score_at_inference(kind: str, style: Style) -> None:
    """The mean negative log-likelihood that training lowers is the one that prediction ranks by."""
    tokenizer = tiny_tokenizer(CHAT if style is Style.INSTRUCT else None)
    model = tiny_model(kind)
    rows = Encoder(tokenizer, style).encode(EXAMPLES)
    scorer = TransformersModel(model, tokenizer, chat=style is Style.INSTRUCT)
    scored = scorer.score([PageAsk(one.page, (Ask(one.question, (one.completion,)),)) for one in EXAMPLES])
    for row, ((score,),) in zip(rows, scored, strict=True):
        tokens = torch.tensor([row.tokens])
        with torch.inference_mode():
            loss = model(input_ids=tokens, labels=torch.tensor([row.labels])).loss
        assert -float(loss) * (len(row.tokens) - row.prompt) == pytest.approx(score, rel=1e-4)


def test_a_chat_row_ends_with_the_turn_not_with_the_text() -> None:
    tokenizer = tiny_tokenizer(CHAT)
    row = Encoder(tokenizer, Style.INSTRUCT).encode(EXAMPLES)[0]
    text = tokenizer.decode(row.tokens)
    assert text == "<s>user\n[5 inch]\n<q> width<a><end>\n<s>assistant\n5 inch<end>"
    assert row.tokens.count(tokenizer.bos_token_id) == 2  # the template's own; none is added


def test_instruct_needs_a_chat_template() -> None:
    with pytest.raises(InputError, match="no chat template"):
        Encoder(tiny_tokenizer(), Style.INSTRUCT)


def test_an_end_token_is_needed() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="no end-of-text token"):
        Encoder(tokenizer, Style.COMPACT)


def test_nothing_encodes_to_nothing() -> None:
    tokenizer = tiny_tokenizer()
    assert Encoder(tokenizer, Style.COMPACT).encode([]) == []
    assert count_tokens(tokenizer, []) == []
    assert count_tokens(tokenizer, ["inch", "ab", ""]) == [1, 2, 0]
