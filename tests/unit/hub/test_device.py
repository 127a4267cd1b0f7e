"""A device that is not there is refused before anything is moved."""

import pytest
import torch
from toys import ToyHub

from binder.errors import BinderError
from binder.hub.device import find_device
from binder.space import Space


def test_the_processor_is_always_there():
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("request_", ["cuda:77", "xpu:3", "quantum", "cuda:x"])
def test_an_absent_device_is_explained(request_):
    with pytest.raises(BinderError, match=rf"no such device\n  got:      {request_}\n  choices:  cpu[\s\S]*fix"):
        find_device(request_)


def test_hub_and_space_ask_in_the_same_place():
    for attempt in (ToyHub().to, Space(ToyHub()).to, lambda device: Space(ToyHub(), device=device)):
        with pytest.raises(BinderError, match="no such device"):
            attempt("cuda:77")
