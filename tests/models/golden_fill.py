"""Weights and inputs that follow from a name and a number alone, for published golden values."""

import zlib

import numpy as np
import pytest
import torch


def noise(num, phase):
    """Returns ``num`` numbers in [0, 1), float64."""
    x = np.sin(np.arange(num, dtype=np.float64) * 12.9898 + phase) * 43758.5453
    return x - np.floor(x)


def filled(name, shape):
    """Returns the weight of a name, which depends on its kind."""
    if name.endswith('num_batches_tracked'):
        return torch.zeros(shape, dtype=torch.int64)
    num = int(np.prod(shape))
    phase = zlib.crc32(name.encode()) % 1000
    x = torch.from_numpy((noise(num, phase) - 0.5).astype(np.float32)).reshape(shape)
    if name.endswith('running_var'):
        return 1 + x.abs()
    if name.endswith('weight') and len(shape) == 1:
        return 1 + 0.1 * x
    return 0.1 * x if len(shape) else 0.5 + x


def golden_input(phase, *shape):
    """Returns values in [-2, 2)."""
    num = int(np.prod(shape))
    return torch.from_numpy((4 * (noise(num, phase) - 0.5)).astype(np.float32)).reshape(shape)


def check_golden(tensor, mean, std, peak, first, last, rtol=1e-4):
    """Compares with the statistics, the first values and the last one that were published.

    Single values are compared relative to the largest one, since those near zero are sums of
    large ones.
    """
    values = tensor.detach().double().flatten()
    found = [values.mean(), values.std(), values.abs().max()]
    assert [x.item() for x in found[1:]] == pytest.approx([std, peak], rel=rtol)
    assert found[0].item() == pytest.approx(mean, abs=rtol * std)
    ends = torch.cat((values[: len(first)], values[-1:])).tolist()
    assert ends == pytest.approx([*first, last], abs=rtol * peak)
