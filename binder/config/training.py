"""Sections `train` and `towers`: how a tower is optimised, and which towers there are. Floor: config."""

from typing import Annotated, Any, Literal

from pydantic import Field

from binder.config.base import Section


class TrainConfig(Section):
    """How a tower is optimised.

    Attributes:
        epochs: passes over the training rows.
        batch_size: pairs per step, over all processes.
        lr: peak learning rate of AdamW, after warm-up, before cosine decay to zero.
        weight_decay: on matrices and kernels; norms, biases and temperature are spared.
        warmup: share of all steps with linearly rising rate.
        clip_norm: largest gradient norm; None for no clipping.
        average: decay per step of an exponential average of the weights, which is then what is
            validated and saved; None to use the weights themselves.
        precision: `no` is float32.
        monitor: validation score, larger is better, that picks the checkpoint; `shared` foresees emergent
            retrieval (docs/shared_space.md), the others measure retrieval from and to the hub.
        patience: epochs without a better score before stopping; None never stops.
        validate_every: epochs between validations.
        save_every: steps between resumable states; None saves at epoch ends only.
        workers: processes that read samples; they start once and serve every epoch.
        prefetch: batches that each worker reads ahead.
        replication: how often an epoch draws each row, each time augmented anew; 1.25 draws a random
            quarter twice. For small tables beside large ones (ImageBind: 50 for SUN RGB-D, 25 for LLVIP).
        bucket_by_length: make batches of samples of similar length, for modalities of any length.
    """

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=128, ge=2)
    lr: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float | None = Field(default=1.0, gt=0)
    average: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["no", "bf16", "fp16"] = "no"
    monitor: Literal["mAP", "MRR", "hit@1", "hit@5", "hit@10", "shared"] = "mAP"
    patience: int | None = Field(default=None, ge=1)
    validate_every: int = Field(default=1, ge=1)
    save_every: int | None = Field(default=None, ge=1)
    workers: int = Field(default=0, ge=0)
    prefetch: int = Field(default=2, ge=1)
    replication: float = Field(default=1.0, ge=1)
    bucket_by_length: bool = False


class TowerConfig(Section):
    """One modality to bind.

    Attributes:
        hub_modality: native modality (or several) of the hub it is trained against.
        spec: `module:OBJECT` of the modality, where no registered name is meant.
        modality: options of the modality.
        encoder: options of its encoder; `name` may be `default` or `module:OBJECT`.
        head: projection from encoder width to hub width.
        train: overrides of the run's `train` section.
        loss: overrides of the run's `loss` section.
    """

    hub_modality: str | Annotated[tuple[str, ...], Field(min_length=1)]
    spec: str | None = None
    modality: dict[str, Any] = Field(default_factory=dict)
    encoder: dict[str, Any] = Field(default_factory=dict)
    head: Literal["linear", "mlp"] = "linear"
    train: dict[str, Any] = Field(default_factory=dict)
    loss: dict[str, Any] = Field(default_factory=dict)

    @property
    def hub_modalities(self) -> tuple[str, ...]:
        return (self.hub_modality,) if isinstance(self.hub_modality, str) else self.hub_modality
