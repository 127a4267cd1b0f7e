"""Section `train`: how a tower is optimised. Floor: config."""

from typing import Any, Literal

from pydantic import Field

from binder.config.base import Section

HOW = ("workers", "prefetch", "save_every")  # keys of `train` that no result depends on


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
        chunk_size: samples per forward of gradient caching: the batch may then be as large as its vectors
            fit, for one more forward pass; None runs the whole batch at once.
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
    chunk_size: int | None = Field(default=None, ge=1)
    bucket_by_length: bool = False

    def decisive(self) -> dict[str, Any]:
        """What the trained weights depend on, as JSON; not how the work is done, which a resumed run may change."""
        return self.model_dump(mode="json", exclude=set(HOW))
