"""One batch spread over processes, put together again with exact gradients. Floor: losses.

Every process computes the loss of the whole batch from gathered vectors. The gather's backward
sums the gradients of all processes and DDP then averages them, so that N processes yield the
gradient of one process that holds the whole batch (tested with gloo).
"""

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def gather_rows(rows: Shaped[Tensor, "local ..."]) -> Shaped[Tensor, "all ..."]:
    """Concatenate every process's rows in rank order; unchanged when there is one process.

    Processes may hold different numbers of rows (a skipped sample, a short batch).
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    sizes = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, torch.tensor([len(rows)], device=rows.device))
    counts = [int(size) for size in sizes]
    filler = rows.new_zeros(max(counts) - len(rows), *rows.shape[1:])
    padded = torch.cat([rows, filler])
    if rows.requires_grad:
        parts = all_gather(padded)
    else:
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
