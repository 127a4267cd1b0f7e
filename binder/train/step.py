"""One update: tower, objective, gradients, optimiser. Floor: train; called by the loop.

Large batches on small memory by gradient caching: L. Gao et al., "Scaling Deep Contrastive Learning
Batch Size under Memory Limited Setup", 2021 (GradCache), https://arxiv.org/abs/2101.06983. Only the tower
needs it, the hub's side is constant.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from binder.config import TrainConfig
from binder.losses import HubSide, Objective
from binder.towers import Tower
from binder.towers.encode import move
from binder.towers.trainable import find_blocks
from binder.train.weights import whole
from binder.types import Batch


class NotFiniteError(Exception):
    """The loss or its gradient is NaN or infinite.

    Attributes:
        positions: samples of this process's batch whose vectors are not finite.
    """

    def __init__(self, what: str, value: float, positions: Sequence[int] = ()) -> None:
        super().__init__(f"the {what} became {value}")
        self.positions = positions


class Embedding(nn.Module):
    """Around the tower: what Accelerate does to a module (precision, DDP) leaves the tower itself as it is.

    Its blocks are what `accelerate launch --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP` cuts one by one.
    """

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower
        blocks = find_blocks(tower.encoder)
        self._no_split_modules = sorted({type(tower.encoder.get_submodule(path)).__name__ for path in blocks})

    def forward(self, batch: Batch) -> Float[Tensor, "sample dim"]:
        return self.tower(batch)


class Step:
    """Updates a tower and its objective, batch by batch, on any number of processes.

    Args:
        tower: on the accelerator's device.
        objective: on the same device. Its few numbers are never cut, and averaged over processes here.
        optimizer: over the parameters of the tower; those of the objective are added here.
        config: clipping, and samples per forward.
        accelerator: processes, device and precision.
    """

    def __init__(
        self, tower: Tower, objective: Objective, optimizer: Optimizer, config: TrainConfig, accelerator: Accelerator
    ) -> None:
        self.objective, self.config, self.accelerator = objective, config, accelerator
        self.embed, self.optimizer = accelerator.prepare(Embedding(tower), optimizer)
        own = [weight for weight in objective.parameters() if weight.requires_grad]
        optimizer.add_param_group({"params": own, "weight_decay": 0.0})

    def __call__(self, batch: Batch, hub: HubSide) -> float:
        """One update; returns the loss over the batch of all processes.

        Raises:
            NotFiniteError: on every process, before any weight has changed.
        """
        device = self.accelerator.device
        batch, hub = move(batch, device), HubSide(**{name: part.to(device) for name, part in vars(hub).items()})
        num_chunks = self._num_chunks(len(hub.present))
        loss = self._plain(batch, hub) if num_chunks == 1 else self._chunked(batch, hub, num_chunks)
        self._average_objective()
        self._clip()
        self.optimizer.step()
        self.objective.temperature.clamp_()
        self.optimizer.zero_grad()
        return loss

    def _plain(self, batch: Batch, hub: HubSide) -> float:
        vectors = self.embed(batch)
        loss = self.objective(vectors, hub)
        value = self._value(loss, vectors)
        self.accelerator.backward(loss)
        return value

    def _num_chunks(self, num_samples: int) -> int:
        """Chunks of the process that has most: sharded weights are gathered in every forward, by all or by none."""
        size = self.config.chunk_size
        if size is None:
            return 1
        counts = self.accelerator.gather(torch.tensor([math.ceil(num_samples / size)], device=self.accelerator.device))
        assert isinstance(counts, Tensor)
        return int(counts.max())

    def _chunked(self, batch: Batch, hub: HubSide, num_chunks: int) -> float:
        """Embed without graphs, find what the loss asks of each vector, embed again in chunks and pass it on.

        A process alone keeps the last chunk's graph and has one forward less; DDP and FSDP want each
        backward to follow its own forward.
        """
        size = self.config.chunk_size
        assert size is not None
        chunks, states, parts = list(_split(batch, size)), [], []
        own = len(chunks)
        chunks += chunks[:1] * (num_chunks - own)  # once more, for a gradient of zero
        alone = self.accelerator.num_processes == 1
        for number, chunk in enumerate(chunks):
            states.append(_random_state(self.accelerator.device))
            with torch.set_grad_enabled(alone and number + 1 == len(chunks)):
                parts.append(self.embed(chunk))
        after = _random_state(self.accelerator.device)
        vectors = torch.cat([part.detach() for part in parts[:own]]).requires_grad_()
        loss = self.objective(vectors, hub)
        value = self._value(loss, vectors)
        self.accelerator.backward(loss)
        assert vectors.grad is not None
        gradients = [*vectors.grad.split(size), *(torch.zeros_like(part) for part in parts[own:])]
        if alone:
            (parts.pop() * gradients.pop()).sum().backward()
            chunks.pop()
        for number, (chunk, asked) in enumerate(zip(chunks, gradients, strict=True)):
            _set_random_state(states[number], self.accelerator.device)  # the same dropout as in the first pass
            last = number + 1 == len(chunks)
            with nullcontext() if last else self.accelerator.no_sync(self.embed):
                (self.embed(chunk) * asked).sum().backward()
        _set_random_state(after, self.accelerator.device)
        return value

    def _value(self, loss: Tensor, vectors: Tensor) -> float:
        """The loss over all processes, checked by each: one that stopped alone would leave the others waiting."""
        value = self._mean(loss.detach().clone()).item()
        if not math.isfinite(value):
            broken = ~torch.isfinite(vectors.detach()).all(dim=1)
            raise NotFiniteError("loss", value, broken.nonzero().flatten().tolist())
        return value

    def _clip(self) -> None:
        parameters = [*self.embed.parameters(), *self.objective.parameters()]
        norm = self.accelerator.clip_grad_norm_(parameters, self.config.clip_norm or math.inf)  # looked at in any case
        assert norm is not None
        size = whole(norm).item()
        # with fp16 it may overflow: the scaler then leaves the step out
        if self.accelerator.scaler is None and not math.isfinite(size):
            raise NotFiniteError("norm of the gradient", size)

    def _average_objective(self) -> None:
        if self.accelerator.num_processes > 1:
            for weight in self.objective.parameters():
                if weight.grad is not None:
                    weight.grad = self._mean(weight.grad)

    def _mean(self, tensor: Tensor) -> Tensor:
        mean = self.accelerator.reduce(tensor, "mean")
        assert isinstance(mean, Tensor)
        return mean


def _split(batch: Batch, size: int) -> Iterator[Batch]:
    if not isinstance(batch, dict):
        yield from batch.split(size)
        return
    parts = {name: tensor.split(size) for name, tensor in batch.items()}
    for number in range(len(next(iter(parts.values())))):
        yield {name: part[number] for name, part in parts.items()}


def _random_state(device: torch.device) -> list[Tensor]:
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def _set_random_state(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
