"""One batch spread over processes, put together again with exact gradients. Floor: losses.

Each process scores its own samples against those of all. The gather's backward pass sums what all
processes ask of a sample; DDP then averages over processes, so that N processes yield the
gradient of one process that holds the whole batch (tested with gloo).
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from jaxtyping import Bool, Shaped
from torch import Tensor
from torch.distributed.nn.functional import all_gather


class Shares:
    """How many rows each process holds; the numbers may differ (a skipped sample, a short batch).

    Attributes:
        world: number of processes.
        own: the place of this process's rows among all.
    """

    def __init__(self, counts: Sequence[int], rank: int) -> None:
        self._counts, self._rank, self.world = counts, rank, len(counts)
        before = sum(counts[:rank])
        self.own = slice(before, before + counts[rank])

    @classmethod
    def exchange(cls, count: int, device: torch.device) -> "Shares":
        """Tell all processes how many rows this one holds; all must ask at the same point."""
        if not dist.is_initialized() or dist.get_world_size() == 1:
            return cls([count], 0)
        sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(dist.get_world_size())]
        dist.all_gather(sizes, torch.tensor([count], device=device))
        return cls([int(size) for size in sizes], dist.get_rank())

    def of(self, chosen: Bool[Tensor, " all"]) -> "Shares":
        """The shares of some of all rows; every process knows them, so nothing is exchanged."""
        return Shares([int(part.sum()) for part in chosen.split(list(self._counts))], self._rank)

    def gather(self, rows: Shaped[Tensor, "local ..."]) -> Shaped[Tensor, "all ..."]:
        """Every process's rows, in rank order; with exact gradients where `rows` has one."""
        if self.world == 1:
            return rows
        filler = rows.new_zeros(max(self._counts) - len(rows), *rows.shape[1:])
        padded = torch.cat([rows, filler])
        if rows.requires_grad:
            parts = all_gather(padded)
        else:
            parts = [torch.empty_like(padded) for _ in self._counts]
            dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, self._counts, strict=True)])
