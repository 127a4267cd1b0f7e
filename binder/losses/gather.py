"""One batch spread over processes, put together again with exact gradients. Floor: losses.

Each process scores its own samples against those of all. The gather's backward pass sums what all
processes ask of a sample; DDP then averages over processes, so that N processes yield the
gradient of one process that holds the whole batch (tested with gloo).
"""

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor
from torch.distributed.nn.functional import all_gather


class Shares:
    """How many rows each process holds; the numbers may differ (a skipped sample, a short batch).

    Args:
        count: rows of this process. All processes must ask at the same point.
        device: where the rows are.

    Attributes:
        world: number of processes.
        before: rows of the processes before this one.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        self._counts = [count]
        if self.world > 1:
            sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(self.world)]
            dist.all_gather(sizes, torch.tensor([count], device=device))
            self._counts = [int(size) for size in sizes]
        self.before = sum(self._counts[: dist.get_rank()]) if self.world > 1 else 0

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
