"""A recipe: all that decides a training but the rows and the weights it starts from.

A recipe is a TOML file. Both stages share what stands here; each adds the fields that only it has and says what of them
does not go together. Values are checked when the file is read, every fault at once (`core.settings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from entx.core.errors import InputError
from entx.core.settings import find_recipe, override, parse_toml, read_settings, settings_digest
from entx.neural.model_folder import half_dtype
from entx.neural.training.rows import RangePolicy

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a Llama, Mistral, Gemma or Qwen block; the output head is left as it is."""

Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]
"""A list of texts: TOML and JSON know no tuples, so this one field is not strict."""


class Settings(BaseModel):
    """A table of a recipe: unknown keys and values of another type are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


def _weights(sources: dict[str, Any]) -> dict[str, float]:
    """Whole numbers stay whole: the digest of a recipe is of its values as written."""
    for name, weight in sources.items():
        if not isinstance(weight, int | float) or isinstance(weight, bool):
            raise ValueError(f"data.sources: the weight of {name!r} must be a number, not {weight!r}")
    return sources


class LoraSettings(Settings):
    """A LoRA adapter (Hu et al. 2021): each target layer gets alpha / r times a product of two matrices of rank r."""

    r: int = Field(ge=1)
    alpha: float = Field(gt=0)
    dropout: float = Field(default=0.0, ge=0, le=0.9)
    targets: Texts = ()  # names of layers; none for all linear layers of the model's scope, output head left out


class TrainSettings(Settings):
    """The optimisation."""

    method: Literal["lora", "full"]  # lora trains an adapter (table [lora]), full every weight
    lr: float = Field(gt=0)
    # visits of each row of weight 1; a row of weight w is visited w times an epoch on average
    epochs: float = Field(gt=0)
    # batch, accumulation: rows (packs, if packed) of a forward pass, and passes of an optimiser step
    batch: int = Field(ge=1)
    accumulation: int = Field(default=1, ge=1)
    # transformers, or unsloth (CUDA only; falls back to transformers with a notice)
    backend: Literal["transformers", "unsloth"] = "transformers"
    scheduler: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, le=0.9)  # share of the steps during which the rate rises from 0
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, ge=0)
    optimizer: Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch"
    max_steps: int = Field(default=0, ge=0)  # ends earlier; 0 for no limit
    group_by_length: bool = True  # rows of like length share a batch; saves padding where rows are not packed
    packing: bool = False  # several rows in one sequence of max_length, each seeing itself only; saves padding
    # bf16, fp16: computes in that beside the weights' own type; fp16 on a GPU only, with scaled gradients. auto: on a
    # GPU bf16, or fp16 where it only emulates bf16 (T4 and older)
    autocast: Literal["auto", "bf16", "fp16", "none"] = "auto"
    checkpointing: bool = False  # recompute activations in the backward pass; slower, less memory
    # steps between two measurements of f1 on the dev rows, each followed by a checkpoint
    evaluate_every: int = Field(default=100, ge=1)
    patience: int = Field(default=5, ge=0)  # measurements without a better f1 after which the training stops; 0: never
    dev_rows: int = Field(default=500, ge=0)  # at most so many of the dev rows are measured
    seed: int = Field(default=0, ge=0)


class ModelSettings(Settings):
    """The model that the training starts from, and how it is loaded."""

    # tokens of a whole row, image tokens included; a longer one is left out and counted, never cut
    max_length: int = Field(ge=32)
    # weights in memory: fp32, bf16, fp16, or nf4 (four bits by bitsandbytes: QLoRA)
    load: Literal["fp32", "bf16", "fp16", "nf4"]
    hub: str = ""  # where the weights are published, for the message that asks for `--model`; "" for none

    @property
    def dtype(self) -> str:
        """Of the weights that are not in four bits; beside those the one that the GPU computes in."""
        return {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(self.load) or half_dtype()


class DataSettings(Settings):
    """How the labelled questions of a store become rows."""

    # weight by table name, as patterns; see `rows.source_weight`
    sources: Annotated[dict[str, Any], AfterValidator(_weights)] = {}
    ranges: Annotated[RangePolicy, Field(strict=False)] = RangePolicy.UPPER  # what becomes of labels with two ends
    # share of rows whose answer is "none" that each entity is filled up to with generated ones; 0 for none. They need
    # OCR pages
    negatives: float = Field(default=0.3, ge=0, le=0.9)
    # share of each entity in an epoch; "test" is the challenge's, "store" takes them as they are
    mix: Literal["store", "test"] = "store"
    # how often a row may come in one epoch where the mix asks for more than there are
    repeats: int = Field(default=2, ge=1)
    # of the rows, kept out of the training by picture and cluster, for the early stop
    dev_share: float = Field(default=0.1, ge=0, le=0.5)


class Recipe(Settings):
    """A whole recipe of either stage."""

    STAGE: ClassVar[str]

    stage: str
    title: str
    model: ModelSettings
    train: TrainSettings
    lora: LoraSettings | None = None  # None where whole weights are trained
    reproduces: str = ""  # the published system that it stands for, "" for our own
    data: DataSettings
    # a free table that says how the base was made; part of the digest, and otherwise left alone
    pretrain: dict[str, Any] = {}

    @property
    def digest(self) -> str:
        """Hash of all settings: recipes of one digest train alike."""
        return settings_digest(self)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, for a record."""
        return self.model_dump()

    def contradictions(self) -> list[str]:
        """What of the settings does not go together."""
        train, faults = self.train, []
        if self.stage != self.STAGE:
            faults.append(f'stage must be "{self.STAGE}", not {self.stage!r}')
        if train.method == "lora" and self.lora is None:
            faults.append('train.method = "lora" needs a table [lora]')
        if train.method == "full" and self.model.load == "nf4":
            faults.append('model.load = "nf4" can only train an adapter: train.method = "lora"')
        if train.method == "full" and self.model.load == "fp16":
            faults.append('train.method = "full" learns nothing small in float16: model.load = "fp32"')
        if train.method == "full" and train.backend == "unsloth":
            faults.append('train.backend = "unsloth" is for adapters here: train.method = "lora"')
        return faults

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if faults := self.contradictions():
            raise ValueError("; ".join(faults))
        return self


RecipeT = TypeVar("RecipeT", bound=Recipe)

_NAMES = {"llm": "text", "vlm": "vision-language"}


def load_recipe(kind: type[RecipeT], name: str, assignments: Sequence[str] = ()) -> RecipeT:
    """A shipped recipe or a user's own with `--set` assignments; InputError for another stage's, or all its faults."""
    table = override(parse_toml(find_recipe(name).text, name), assignments)
    stage = table.get("stage")
    if stage in _NAMES and stage != kind.STAGE:
        raise InputError(f"{name} is a recipe of the {_NAMES[stage]} stage; train it by --stage {stage}")
    return read_settings(kind, table, name)
