"""What differs between families of vision-language models: processor, prompt form, LoRA targets, image budget.

A family loads a model with its `Codec` (what turns pictures and questions into the model's inputs); the trainer and the
local backend see nothing else of it. The base classes do what most families do alike; a family by another package joins
through the entry points `entx.families`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from entx.core.errors import InputError
from entx.core.settings import load_plugin, plugin_names
from entx.neural.backends.base import Size, render_chat
from entx.neural.model_folder import load_model, load_tokenizer, named_fault

if TYPE_CHECKING:
    import torch
    from PIL import Image

GROUP = "entx.families"
BUILT_IN = {
    "idefics3": "entx.vlm_stage.families.idefics3:Idefics3",
    "moondream": "entx.vlm_stage.families.moondream:Moondream",
    "paligemma": "entx.vlm_stage.families.paligemma:PaliGemma",
    "qwen-vl": "entx.vlm_stage.families.qwen_vl:QwenVl",
}

_SLOT = "\ue000"  # a private-use character that no chat template holds


@dataclass(frozen=True, slots=True)
class Pixels:
    """One picture (all its views) as a vision tower takes it."""

    # the processor's, for example {"pixel_values": (patches, features), "image_grid_thw": (views, 3)}
    tensors: Mapping[str, torch.Tensor]
    views: tuple[int, ...]  # tokens that each view takes up in the prompt

    @property
    def tokens(self) -> int:
        """Tokens of all views."""
        return sum(self.views)


@dataclass(frozen=True, slots=True)
class ImageEmbeddings:
    """One picture (all its views) as the language model takes it."""

    tokens: torch.Tensor  # in place of its image tokens, shape (tokens, width)
    # added to the image tokens' states behind the first layers, one tensor of the same shape a layer; () but for
    # families that look at pictures there again (DeepStack)
    layers: tuple[torch.Tensor, ...] = ()


class Codec:
    """Pictures and questions into a model's inputs.

    Args:
        tokenizer: a fast one, with a padding token.
        images: the family's image processor, the one that works without torchvision; None where it has none.

    Attributes:
        ends: tokens that end an answer; the first is the one that a trainer puts there.
        image_token: the placeholder of a picture.
        lead: what the family's form puts before an answer that is not empty (" "); no part of the answer's text.
    """

    ends: tuple[int, ...]
    image_token: int
    lead: str = ""

    def __init__(self, tokenizer: Any, images: Any = None):
        self.tokenizer = tokenizer
        self.images = images

    def view_size(self, size: Size, pixels: int) -> Size:
        """The (width, height) at which a picture of that size is seen for a budget of so many pixels.

        Never larger than the picture needs, always what the vision tower takes without resizing it again.
        """
        raise NotImplementedError

    def image_tokens(self, size: Size) -> int:
        """Tokens that a view of (width, height) pixels takes up in a prompt; known without decoding the picture."""
        raise NotImplementedError

    def pixels(self, views: Sequence[Image.Image]) -> Pixels:
        """One picture's RGB views, each resized to its `view_size` before."""
        raise NotImplementedError

    def prompt(self, pixels: Pixels, question: str) -> tuple[int, ...]:
        """Tokens of a whole prompt: the picture first, then the question, in the family's own form.

        One placeholder for each image token; ends where the answer begins.
        """
        raise NotImplementedError

    def completion(self, text: str) -> tuple[int, ...]:
        """Tokens of an answer as they stand directly behind a prompt, without the end; () for an empty one."""
        return tuple(self.tokenizer(self.lead + text, add_special_tokens=False)["input_ids"]) if text else ()

    def batch(
        self, pixels: Sequence[Pixels], rows: Sequence[Sequence[int]], *, prompts: Sequence[int], left: bool
    ) -> dict[str, torch.Tensor]:
        """Inputs of the model's forward pass for rows of tokens, each with its picture.

        Args:
            pixels: one a row.
            rows: tokens, prompts perhaps with their answers.
            prompts: how many first tokens of each row are its prompt: families differ in who sees whom there.
            left: pad at the left (to generate) instead of the right (to train).

        Returns:
            input_ids, attention_mask, the vision tower's tensors one after the other, and whatever else the family's
            forward pass takes of each token (mm_token_type_ids, token_type_ids).
        """
        import torch

        made = pad_rows(rows, self.tokenizer.pad_token_id, left=left)
        return made | {name: torch.cat([one.tensors[name] for one in pixels]) for name in pixels[0].tensors}

    def positions(self, pixels: Pixels, tokens: Sequence[int]) -> torch.Tensor:
        """Where tokens stand for the rotary embedding, as the model itself would say of a row that begins with them.

        Args:
            tokens: a prompt, or its beginning with all of its image tokens.

        Returns:
            Shape (axes, tokens), here one axis counted from zero; the text behind them counts on from their largest
            position.
        """
        import torch

        return torch.arange(len(tokens))[None]

    def save(self, folder: Path) -> None:
        """Writes tokenizer and processor files beside a model, as `Family.load` reads them."""
        self.tokenizer.save_pretrained(folder)
        if self.images is not None:
            self.images.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model and what feeds it."""

    model: Any
    codec: Codec


class Family:
    """A family of models.

    Attributes:
        name: "qwen-vl", "paligemma", "idefics3", ...
        model_types: `model_type` of the configurations that belong to it.
        shares_prefix: tokens of the picture do not see the question, so that their keys and values serve all of its
            questions; False where the prompt is read in both directions.
        vision, language: names of the parts of `model.model` that see and that read; the first of `vision` is the
            tower, behind it come the projector and the like.
    """

    name: str
    model_types: tuple[str, ...]
    shares_prefix = True
    vision: tuple[str, ...]
    language: str = "language_model"

    def load(self, folder: Path, **options: Any) -> Loaded:
        """Loads a checked local folder; works without torchvision.

        Args:
            options: as of `entx.neural.model_folder.load_model`.

        Raises:
            InputError: the folder cannot be loaded; nothing of another folder or of a hub is ever asked for.
        """
        codec = self.codec(folder)
        with named_fault(folder):
            return Loaded(load_model("AutoModelForImageTextToText", folder, **options), codec)

    def codec(self, folder: Path) -> Codec:
        """The codec of a checked local folder alone, before any weight is read; InputError as `load`."""
        with named_fault(folder):
            return self.read_codec(folder)

    def read_codec(self, folder: Path) -> Codec:
        """The same; what is wrong with the folder comes as the library says it."""
        raise NotImplementedError

    def lora_targets(self, model: Any, scope: str) -> tuple[str, ...]:
        """Full names of the linear layers that an adapter of a scope changes, in the model's order.

        Full, because an adapter library takes a name for every layer whose own name ends in it: `gate_proj` would be
        one of the language part and of the vision tower at once.

        Args:
            scope: "all", "language" or "vision".
        """
        from torch import nn

        names = {"language": (self.language,), "vision": self.vision, "all": (*self.vision, self.language)}[scope]
        inside = {id(module) for name in names for module in getattr(bare(model).model, name).modules()}
        return tuple(
            name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in inside
        )

    def vision_tower(self, model: Any) -> Any:
        """The module that encodes pictures: called once a picture, and frozen where only the language part learns."""
        return getattr(bare(model).model, self.vision[0])

    def language_model(self, model: Any) -> Any:
        """The layers that read embeddings, below the output head; its input embeddings are the model's."""
        return getattr(bare(model).model, self.language)

    def head(self, model: Any) -> Any:
        """The output head: states to logits."""
        return bare(model).get_output_embeddings()

    def encode(self, model: Any, pixels: Sequence[Pixels]) -> list[ImageEmbeddings]:
        """Passes pictures through the vision tower together, and through what joins it to the language model."""
        raise NotImplementedError


def family_by_name(name: str) -> Family:
    """The family of that name. Raises InputError: there is none."""
    return cast("Family", load_plugin("family", name, GROUP, BUILT_IN, InputError)())


def family_of(folder: Path) -> Family:
    """The family of a model folder by the `model_type` of its config.json; InputError where that is none."""
    path = folder / "config.json"
    try:
        model_type = json.loads(path.read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: says no model_type ({type(error).__name__} {error})") from None
    families = [family_by_name(name) for name in plugin_names(GROUP, BUILT_IN)]
    for family in families:
        if model_type in family.model_types:
            return family
    known = ", ".join(sorted(kind for family in families for kind in family.model_types))
    raise InputError(f"{folder}: no vision-language model that entx knows: its model_type is {model_type!r}; {known}")


class ChatForm:
    """Puts pictures and a question into a chat template as one user message.

    Args:
        tokenizer: with the template of its folder, where that has one for pictures.
        known: the family's own template, for a folder without.
        placeholder: what the template writes once a picture.

    Attributes:
        lead: what the template puts between its prompt and an answer (" ").
        ends: tokens that end an answer; the first is the template's.

    Raises:
        InputError: a template that makes a model think aloud before it answers, or that no token ends.
    """

    def __init__(self, tokenizer: Any, known: str, placeholder: str):
        self._tokenizer = tokenizer
        self._placeholder = placeholder
        own = tokenizer.chat_template
        self._template = own if isinstance(own, str) and self._takes_pictures(own) else known
        asked, answered = self._render(self._template, 1, ""), self._render(self._template, 1, "", _SLOT)
        self.lead, _, closing = answered.removeprefix(asked).partition(_SLOT)
        if not answered.startswith(asked) or self.lead.strip():
            raise InputError("the model's chat template puts more than a question before an answer")
        closed = [*tokenizer(closing, add_special_tokens=False)["input_ids"][:1], tokenizer.eos_token_id]
        self.ends: tuple[int, ...] = tuple(dict.fromkeys(token for token in closed if token is not None))
        if not self.ends:
            raise InputError("neither the model's chat template nor its tokenizer says what ends an answer")

    def text(self, pictures: int, question: str) -> str:
        """The prompt, with one placeholder a picture. Raises InputError: the question holds a placeholder."""
        text = self._render(self._template, pictures, question)
        if text.count(self._placeholder) != pictures:
            refuse_placeholder(question)
        return text

    def _takes_pictures(self, template: str) -> bool:
        """Whether it is a template of the whole model; that of a language model alone reads no list of parts."""
        from jinja2 import TemplateError

        try:
            return self._render(template, 1, "").count(self._placeholder) == 1
        except (TemplateError, TypeError):
            return False

    def _render(self, template: str, pictures: int, question: str, answer: str | None = None) -> str:
        content = [*({"type": "image"} for _ in range(pictures)), {"type": "text", "text": question}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if answer is not None:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        return render_chat(self._tokenizer, messages, chat_template=template, add_generation_prompt=answer is None)


def refuse_placeholder(question: str) -> NoReturn:
    """A question that would be taken for a picture. Raises InputError: always."""
    raise InputError(f"the question {question!r} holds the model's placeholder of a picture")


def expand(tokens: Sequence[int], placeholder: int, counts: Iterable[int]) -> tuple[int, ...]:
    """Each placeholder as often as its picture takes up tokens."""
    left = iter(counts)
    return tuple(again for one in tokens for again in ([one] * next(left) if one == placeholder else [one]))


def chat_tokenizer(folder: Path) -> Any:
    """A folder's tokenizer, with the template of chat_template.json where older folders keep it for their processor."""
    tokenizer, path = load_tokenizer(folder), folder / "chat_template.json"
    if tokenizer.chat_template is None and path.exists():
        tokenizer.chat_template = json.loads(path.read_text(encoding="utf-8"))["chat_template"]
    return tokenizer


def special_token(tokenizer: Any, word: str) -> int:
    """Number of a token that the family cannot do without. Raises InputError: the tokenizer has none."""
    number = tokenizer.get_vocab().get(word)
    if number is None:
        raise InputError(f"the tokenizer has no {word}")
    return int(number)


def pad_rows(rows: Sequence[Sequence[int]], pad: int, *, left: bool) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, shape (rows, longest)."""
    import torch

    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        place = slice(width - len(row), None) if left else slice(None, len(row))
        ids[number, place] = torch.tensor(row, dtype=torch.long)
        mask[number, place] = 1
    return {"input_ids": ids, "attention_mask": mask}


def bare(model: Any) -> Any:
    """The model itself inside of an adapter's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
