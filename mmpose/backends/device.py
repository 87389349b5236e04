"""Which device a computation runs on."""

from __future__ import annotations

import torch


def pick_device(name: str | torch.device | None) -> torch.device:
    """Returns a device by its name, such as ``cuda:1``; None takes a GPU where there is one.

    Raises:
        ValueError: If there is no such device.
    """
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is '{name}', which is not there: {reason}") from error
    return device
