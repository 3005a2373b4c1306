"""Token rows: what is learnt is exactly what the model is asked and scored on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from entx.llm_stage.encode import IGNORED, TokenRow, encode
from entx.llm_stage.prompt import Style
from entx.neural.backends.base import PromptTokenizer, Query, Request
from entx.neural.backends.transformers import TransformersModel
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
    row = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=False, name="tiny"))[0]
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
    rows = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=style is Style.INSTRUCT, name="tiny"))
    scorer = TransformersModel(model, tokenizer, chat=style is Style.INSTRUCT)
    asked = [Request(one.page, (Query(one.question, (one.completion,)),)) for one in EXAMPLES]
    for row, (found,) in zip(rows, scorer.complete(asked, max_tokens=0), strict=True):
        tokens = torch.tensor([row.tokens])
        with torch.inference_mode():
            loss = model(input_ids=tokens, labels=torch.tensor([row.labels])).loss
        assert -float(loss) * (len(row.tokens) - row.prompt) == pytest.approx(found.scores[0], rel=1e-4)


def test_a_chat_row_ends_with_the_turn_not_with_the_text() -> None:
    tokenizer = tiny_tokenizer(CHAT)
    row = encode(EXAMPLES, PromptTokenizer(tokenizer, chat=True, name="tiny"))[0]
    text = tokenizer.decode(row.tokens)
    assert text == "<s>user\n[5 inch]\n<q> width<a><end>\n<s>assistant\n5 inch<end>"
    assert row.tokens.count(tokenizer.bos_token_id) == 2  # the template's own; none is added


def test_rows_are_independent_of_what_else_is_encoded() -> None:
    tokenizer = PromptTokenizer(tiny_tokenizer(), chat=False, name="tiny")
    assert encode(EXAMPLES, tokenizer) == [*encode(EXAMPLES[:1], tokenizer), *encode(EXAMPLES[1:], tokenizer)]
    assert encode([], tokenizer) == []


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma2"])
def test_rows_packed_into_one_sequence_see_only_themselves(kind: str) -> None:
    """TRL's packing tells rows apart by their positions alone; this holds without flash attention too."""
    model = tiny_model(kind).eval()
    rows = [torch.randint(3, 200, (length,)) for length in (30, 17, 41)]
    with torch.inference_mode():
        alone = [model(input_ids=row[None]).logits[0] for row in rows]
        positions = torch.cat([torch.arange(len(row)) for row in rows])
        packed = model(input_ids=torch.cat(rows)[None], position_ids=positions[None], use_cache=False).logits[0]
    torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-4, atol=1e-4)
