"""Section `towers`: which modalities are bound, with what encoder, and which of its weights learn. Floor: config."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from binder.config.base import Section, faults

_TRAINED = re.compile(r"full|head|lora|last:[1-9]\d*")
CLOSED_FORM = "closed_form"


class LoraConfig(Section):
    """Low-rank adapters in the encoder's layers (Hu et al., 2021, arXiv:2106.09685).

    LanguageBind uses rank 2 for depth and thermal, 16 for audio, alpha 16 for all (arXiv:2310.01852, table 11).

    Attributes:
        rank: of each update.
        alpha: the update is scaled by alpha / rank.
        dropout: on what enters an update; 0 where the encoder has `nn.MultiheadAttention` layers.
        targets: names, or ends of names, of the layers; None for every linear, attention and convolution layer.
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: list[str] | None = Field(default=None, min_length=1)


class ClosedFormConfig(Section):
    """`encoder: {name: closed_form, ...}`: a linear projector solved for, not trained, on frozen features.

    Attributes:
        method: `ridge` regression, orthogonal `procrustes`, or `cca`.
        features: encoder whose frozen features are projected: its options, or its name alone. `raw` are the
            transformed samples, averaged over a coarse grid; `default` is the modality's encoder with random weights.
        penalty: of ridge, per training pair; None chooses it by leave-one-out error.
        rank: of cca: how many canonical directions are kept; None for all.
        shrinkage: of cca: share of a sphere in both covariances, 0 to below 1; None for Ledoit and Wolf's.
    """

    method: Literal["ridge", "procrustes", "cca"]
    features: str | dict[str, Any] = "raw"
    penalty: float | None = Field(default=None, gt=0)
    rank: int | None = Field(default=None, ge=1)
    shrinkage: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _options_of_the_method(self) -> "ClosedFormConfig":
        given = {"penalty": "ridge", "rank": "cca", "shrinkage": "cca"}
        wrong = [name for name, method in given.items() if getattr(self, name) is not None and method != self.method]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: not an option of method {self.method}")
        if self.encoder.get("name") == CLOSED_FORM:
            raise ValueError("features of closed_form need an encoder of their own, not closed_form again")
        return self

    @property
    def encoder(self) -> dict[str, Any]:
        """Options of the encoder that gives the features."""
        return {"name": self.features} if isinstance(self.features, str) else self.features


class SourceConfig(Section):
    """What pretrained weights were trained on before this run, for certificates.

    Attributes:
        pairs: modalities that were trained against each other, such as [[audio, text]].
        labels: [modality, set of labels] that they were trained to name.
        data: names of the data.
        source: where that is published.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    data: str
    source: str


class TowerConfig(Section):
    """One modality to bind.

    Attributes:
        hub_modality: native modality (or several) of the hub it is trained against.
        spec: `module:OBJECT` of the modality, where no registered name is meant.
        modality: options of the modality.
        encoder: options of its encoder; `name` may be `default`, `hub-copy` (starts as the hub's image tower),
            `timm:MODEL`, `transformers:MODEL` (both with `pretrained` and the library's own options), `raw` (samples
            averaged over a grid), `closed_form` (see `ClosedFormConfig`) or `module:OBJECT`.
        head: projection from encoder width to hub width.
        trained: `full`; `head` alone, on cached features; `last:N` blocks of the encoder and the head; `lora`.
        lora: adapters, with `trained: lora`.
        train: overrides of the run's `train` section.
        loss: overrides of the run's `loss` section.
        sources: what the encoder's first weights were trained on, where no public table says so.
    """

    hub_modality: str | Annotated[tuple[str, ...], Field(min_length=1)]
    spec: str | None = None
    modality: dict[str, Any] = Field(default_factory=dict)
    encoder: dict[str, Any] = Field(default_factory=dict)
    head: Literal["linear", "mlp"] = "linear"
    trained: str = "full"
    lora: LoraConfig = LoraConfig()
    train: dict[str, Any] = Field(default_factory=dict)
    loss: dict[str, Any] = Field(default_factory=dict)
    sources: tuple[SourceConfig, ...] = ()

    @field_validator("trained")
    @classmethod
    def _known(cls, value: str) -> str:
        if not _TRAINED.fullmatch(value):
            raise ValueError("expected full, head, lora or last:N with N of 1 or more")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "TowerConfig":
        if self.lora != LoraConfig() and self.trained != "lora":
            raise ValueError("lora: set trained: lora, or leave its options out")
        try:
            closed_form = self.closed_form
        except ValidationError as error:
            raise ValueError(f"encoder closed_form: {faults(error, ClosedFormConfig)}") from None
        if closed_form is not None and (self.trained, self.head, self.train) != ("full", "linear", {}):
            raise ValueError("encoder closed_form solves for a linear head: leave out trained, head and train")
        return self

    @property
    def hub_modalities(self) -> tuple[str, ...]:
        return (self.hub_modality,) if isinstance(self.hub_modality, str) else self.hub_modality

    @property
    def closed_form(self) -> ClosedFormConfig | None:
        """How the projector is solved for; None where the tower is trained by gradients."""
        return closed_form_of(self.encoder)


def closed_form_of(encoder: dict[str, Any]) -> ClosedFormConfig | None:
    """Read the options of `encoder` where its name is `closed_form`; None for every other encoder.

    Raises:
        ValidationError: an unknown option or a wrong value.
    """
    if encoder.get("name") != CLOSED_FORM:
        return None
    return ClosedFormConfig.model_validate({key: value for key, value in encoder.items() if key != "name"})
