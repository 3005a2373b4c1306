"""A recipe of the vision-language stage: all that decides a training but the rows and the weights it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from entx.core.errors import InputError
from entx.core.settings import find_recipe, override, parse_toml, read_settings, setting, settings_digest
from entx.neural.settings import TrainSettings, method_faults
from entx.vlm_stage.prompt import OWN, PromptForm


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model that the training starts from, how it is loaded, and which part of it learns.

    Args:
        hub: where the weights are published, for the message that asks for `--model`; "" for none.
        pixels: budget of a picture.
        max_length: tokens of a whole row, image tokens included; a longer one is left out and counted, never cut.
        load: weights in memory: fp32, bf16, or nf4 (four bits by bitsandbytes: QLoRA).
        attention: sdpa, eager, or "auto" for the family's own choice.
        scope: all, or only the language or the vision layers: of the adapter, or of the weights that are trained.
        remote_code: revision whose code from the model folder may run, for a family without a native class; "" never.
    """

    pixels: int = setting(least=28 * 28)
    max_length: int = setting(least=32)
    load: str = setting(choices=("fp32", "bf16", "nf4"))
    hub: str = ""
    attention: str = setting("auto", choices=("auto", "sdpa", "eager"))
    scope: str = setting("all", choices=("all", "language", "vision"))
    remote_code: str = ""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """A LoRA adapter (Hu et al. 2021) on linear layers.

    Args:
        targets: names of layers; none for all linear layers of the model's scope, output head left out.
    """

    r: int = setting(least=1)
    alpha: float = setting(above=0)
    dropout: float = setting(0.0, least=0, most=0.9)
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """How a question is put; see `prompt.PromptForm`."""

    question: str = OWN.question
    empty: str = OWN.empty
    decimal_point: bool = OWN.decimal_point

    @property
    def form(self) -> PromptForm:
        """As the readers take it."""
        return PromptForm(self.question, self.empty, self.decimal_point)


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How the labelled questions of a store become rows; see `rows`, `dataset` and `neural.sampling`.

    Args:
        sources: weight by table name, as patterns; the first that fits counts, 1 where none does.
        ranges: what becomes of labels with two ends.
        rows: at most so many labelled questions, drawn by `sample`; 0 for all.
        sample: stratified draws entities by their shares of the store, balanced as many of each as there are, test by
            the challenge's shares.
        mix: share of each entity in an epoch; "test" is the challenge's, "store" takes them as they are.
        negatives: share of rows with an empty truth that each entity is filled up to with generated ones. They need OCR
            pages: an entity of which a picture's lines hold no number with a legal unit at all. 0 for none.
        repeats: how often a row may come in one epoch where the mix asks for more than there are.
        dev_share: of the rows, kept out of the training by picture and cluster, for the early stop.
    """

    sources: dict[str, float] = field(default_factory=dict)
    ranges: str = setting("upper", choices=("upper", "drop"))
    rows: int = setting(0, least=0)
    sample: str = setting("stratified", choices=("stratified", "balanced", "test"))
    mix: str = setting("store", choices=("store", "test"))
    negatives: float = setting(0.0, least=0, most=0.9)
    repeats: int = setting(2, least=1)
    dev_share: float = setting(0.1, least=0, most=0.5)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe.

    Args:
        reproduces: the published system that it stands for, "" for our own.
        lora: None where whole weights are trained.
        deepspeed: a configuration of DeepSpeed, as its documentation has it; empty for none.
        pretrain: how the model was made before this training; read by its own command.
    """

    stage: str
    title: str
    model: ModelSettings
    train: TrainSettings
    lora: AdapterSettings | None = None
    reproduces: str = ""
    prompt: PromptSettings = field(default_factory=PromptSettings)
    data: DataSettings = field(default_factory=DataSettings)
    deepspeed: dict[str, Any] = field(default_factory=dict)
    pretrain: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of all settings: recipes of one digest train alike."""
        return settings_digest(self)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, for a record."""
        return asdict(self)


def load_recipe(name: str, assignments: Sequence[str] = ()) -> Recipe:
    """A shipped recipe or a user's own file, with `--set` assignments applied.

    Raises:
        InputError: no such recipe, or faults in it; all of them at once.
    """
    table = override(parse_toml(find_recipe(name).text, name), assignments)
    if table.get("stage") == "llm":
        raise InputError(f"{name} is a recipe of the text stage; train it by --stage llm")
    recipe = read_settings(Recipe, table, name)
    faults = _contradictions(recipe)
    if faults:
        raise InputError(f"{name}: " + "; ".join(faults))
    return recipe


def _contradictions(recipe: Recipe) -> list[str]:
    model, train = recipe.model, recipe.train
    faults = [] if recipe.stage == "vlm" else [f'stage must be "vlm", not {recipe.stage!r}']
    faults += method_faults(train, recipe.lora, model.load)
    if train.packing:
        faults.append("train.packing = true: rows with pictures are not packed")
    if recipe.deepspeed and train.backend == "unsloth":
        faults.append('a table [deepspeed] goes with train.backend = "transformers"')
    if recipe.deepspeed and model.load == "nf4":
        faults.append('DeepSpeed cannot part weights of four bits: model.load = "bf16"')
    try:
        recipe.prompt.form  # noqa: B018 - it checks its own fields
    except InputError as error:
        faults.append(str(error))
    return faults
