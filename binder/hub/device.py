"""The device a user asks for, checked before anything is moved to it. Floor: hub; used by hubs and spaces."""

import torch

from binder.errors import BinderError


def find_device(request: torch.device | str) -> torch.device:
    """The device named `request`, once it is known to be there.

    Raises:
        BinderError: not a device's name, or this machine (or this build of torch) has no such device.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    found = [] if accelerator is None else [f"{accelerator.type}:{n}" for n in range(torch.accelerator.device_count())]
    try:
        device = torch.device(request)
    except RuntimeError:
        device = None
    if device is None or (device.type != "cpu" and f"{device.type}:{device.index or 0}" not in found):
        raise BinderError.explain(
            "no such device",
            got=request,
            choices=["cpu", *found],
            fix="choose one of these; if it should be there, check its driver and that torch was built for it",
        )
    return device
