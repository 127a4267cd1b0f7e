"""A tower's weights while it trains: those that learn, their average, the best so far. Floor: train.

FSDP2 cuts what learns into parts over the processes (`DTensor`s). Every tensor that leaves this file is
whole: validation, checkpoints and the finished tower never see a part.
"""

from collections.abc import Mapping
from copy import deepcopy

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from binder.towers import Tower

State = Mapping[str, Tensor]


class Weights:
    """What learns, and what is judged.

    Args:
        tower: whole; it is what validation judges and what the best weights end in.
        accelerator: may be about to cut the learner.
        decay: per step, of an exponential average that is judged in place of the weights; None for none.

    Attributes:
        learner: the tower that learns; another than `tower` where it is cut or averaged.
        best: what `keep` kept, whole, in main memory.
    """

    def __init__(self, tower: Tower, accelerator: Accelerator, decay: float | None) -> None:
        self.tower, self.decay = tower, decay
        cut = accelerator.distributed_type == DistributedType.FSDP
        self.learner = deepcopy(tower) if cut or decay is not None else tower
        self.best: dict[str, Tensor] = {}
        self._average: dict[str, Tensor] = {}

    def start(self) -> None:
        """Begin the average at the weights as they are, after the accelerator may have cut them."""
        if self.decay is not None:
            self._average = {name: weight.detach().clone() for name, weight in self._learning().items()}

    def update(self) -> None:
        """Count the weights of one more step into the average."""
        if self.decay is not None:
            get_ema_multi_avg_fn(self.decay)(list(self._average.values()), list(self._learning().values()), 1)

    def judged(self) -> Tower:
        """The tower with the weights, or their average where one is kept. All processes must call this."""
        if self.learner is not self.tower:
            state = {**self.learner.state_dict(), **self._average}
            self.tower.load_state_dict({name: whole(tensor) for name, tensor in state.items()})
        return self.tower

    def keep(self) -> None:
        """Keep what is judged as the best so far."""
        self.best = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.judged().state_dict().items()}

    def finish(self) -> Tower:
        """The tower with its best weights, in evaluation mode."""
        self.tower.load_state_dict(self.best)
        return self.tower.eval()

    def state(self) -> dict[str, State]:
        """What a run needs to go on, in parts if the learner is cut."""
        return {"tower": self.learner.state_dict(), "average": self._average, "best": self.best}

    def load(self, state: Mapping[str, State]) -> None:
        """Go on from whole tensors: what `state` gave, on any number of processes."""
        own = self.learner.state_dict()
        self.learner.load_state_dict({name: part_of(tensor, own[name]) for name, tensor in state["tower"].items()})
        self._average = {
            name: part_of(state["average"][name], tensor).to(tensor.device) for name, tensor in self._average.items()
        }
        self.best = dict(state.get("best", {}))

    def _learning(self) -> dict[str, Tensor]:
        return {name: weight for name, weight in self.learner.named_parameters() if weight.requires_grad}


def whole(tensor: Tensor) -> Tensor:
    """`tensor` in one piece; of a part, every process must ask at the same point."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole `tensor`, cut as `like` is; `tensor` itself where `like` is whole."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
