"""A recipe of the language-model stage: all that decides a training but the rows and the weights it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from entx.core.errors import InputError
from entx.core.settings import find_recipe, override, parse_toml, read_settings, setting, settings_digest
from entx.neural.settings import LoraSettings, TrainSettings, method_faults


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model that the training starts from, and how it is loaded.

    Args:
        hub: where the weights are published, for the message that asks for `--model`; "" for the shipped model.
        style: of the prompt, see `prompt.Style`.
        budget: tokens that the page part may have.
        max_length: tokens of a whole row; a longer one is left out and counted.
        load: weights in memory: fp32, bf16, or nf4 (four bits by bitsandbytes: QLoRA).
        attention: sdpa, or eager for models that cap their attention logits (Gemma 2).
    """

    style: str = setting(choices=("compact", "instruct"))
    budget: int = setting(least=16)
    max_length: int = setting(least=32)
    load: str = setting(choices=("fp32", "bf16", "nf4"))
    hub: str = ""
    attention: str = setting("sdpa", choices=("sdpa", "eager"))


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How the rows of a store become examples; see `rows`, `sampling` and `dataset` for what each decides.

    Args:
        sources: weight by table name, as patterns; the first that fits counts, 1 where none does.
        ranges: what becomes of labels with two ends.
        unreadable: what becomes of labels that the page's lines do not hold.
        unreadable_weight: factor on the weight of a weak row that became empty.
        negatives: share of rows whose answer is "none" that each entity is filled up to with generated ones.
        mix: share of each entity in an epoch; "test" is the challenge's, "store" takes them as they are.
        repeats: how often a row may come in one epoch where the mix asks for more than there are.
        hint_run: run of the store whose answers some examples see; "" for none.
        hint_share: of the examples.
        dev_share: of the rows, kept out of the training by picture and cluster, for the early stop.
    """

    sources: dict[str, float] = field(default_factory=dict)
    ranges: str = setting("upper", choices=("upper", "lower", "drop"))
    unreadable: str = setting("empty", choices=("empty", "drop", "keep"))
    unreadable_weight: float = setting(0.5, least=0, most=1)
    negatives: float = setting(0.3, least=0, most=0.9)
    mix: str = setting("store", choices=("store", "test"))
    repeats: int = setting(2, least=1)
    hint_run: str = ""
    hint_share: float = setting(0.5, least=0, most=1)
    dev_share: float = setting(0.1, least=0, most=0.5)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe.

    Args:
        reproduces: the published system that it stands for, "" for our own.
        lora: None where every weight is trained.
        pretrain: how the shipped model was made before this training; read by its own command.
    """

    stage: str
    title: str
    model: ModelSettings
    train: TrainSettings
    lora: LoraSettings | None = None
    reproduces: str = ""
    data: DataSettings = field(default_factory=DataSettings)
    pretrain: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of all settings: recipes of one digest train alike."""
        return settings_digest(self)


def load_recipe(name: str, assignments: Sequence[str] = ()) -> Recipe:
    """A shipped recipe or a user's own file, with `--set` assignments applied.

    Raises:
        InputError: no such recipe, or faults in it; all of them at once.
    """
    file = find_recipe(name)
    table = override(parse_toml(file.text, name), assignments)
    if table.get("stage") == "vlm":
        raise InputError(f"{name} is a recipe of the vision-language stage; train it by --stage vlm")
    recipe = read_settings(Recipe, table, name)
    faults = _contradictions(recipe)
    if faults:
        raise InputError(f"{name}: " + "; ".join(faults))
    return recipe


def _contradictions(recipe: Recipe) -> list[str]:
    model, train = recipe.model, recipe.train
    faults = [] if recipe.stage == "llm" else [f'stage must be "llm", not {recipe.stage!r}']
    faults += method_faults(train, recipe.lora, model.load)
    if model.budget >= model.max_length:
        faults.append(f"model.budget ({model.budget}) must leave room for the question within model.max_length")
    return faults
