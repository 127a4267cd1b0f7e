"""Section `loss`: what pulls a tower towards the hub. Floor: config."""

from typing import Literal

from pydantic import Field

from binder.config.base import Section


class LossConfig(Section):
    """Symmetric InfoNCE against the hub.

    Attributes:
        temperature: initial (or fixed) softmax temperature; .07 as in CLIP.
        learn_temperature: train it, clamped so that 1 / temperature <= 100.
        positives: which rows are positives of each other, not negatives: those with the same hub
            item, say the same caption (`content`), or those and rows of the same label
            (`label`; without a label column in the table it is the same as `content`).
    """

    temperature: float = Field(default=0.07, ge=0.01, le=10)
    learn_temperature: bool = True
    positives: Literal["content", "label"] = "label"
