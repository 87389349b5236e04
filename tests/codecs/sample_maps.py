"""Inputs that several codec tests share."""

import numpy as np
import torch

# Joints of the published vectors, input px; box (100, 50, 80, 200) padded by 1.25.
GOLDEN_IN = torch.tensor([[[63.3, 101.7], [0.5, 254.9]]])
GOLDEN_CENTER, GOLDEN_SCALE = np.array([140.0, 150.0]), np.array([187.5, 250.0])


def golden_to_image(keypoints_in, extent_wh):
    """Image px (K, 2) of input px (1, K, 2); the extent is input_size, less 1 for UDP."""
    relative = keypoints_in[0].double().numpy() / extent_wh
    return relative * GOLDEN_SCALE + GOLDEN_CENTER - GOLDEN_SCALE / 2


def make_bumps(count, noise):
    """(1, count, 64, 48): a Gaussian of random height anywhere in the map, plus noise."""
    generator = np.random.default_rng(count)
    x, y = generator.uniform([-1, -1], [48, 64], (count, 2)).T[..., None, None]
    rows, columns = np.mgrid[:64, :48]
    maps = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    maps = maps * generator.uniform(0.1, 1, (count, 1, 1))
    maps = maps + noise * generator.standard_normal(maps.shape)
    return torch.tensor(maps, dtype=torch.float32)[None]


def make_noise(count):
    """(1, count, 64, 48): normally distributed values."""
    maps = np.random.default_rng(count).standard_normal((1, count, 64, 48))
    return torch.tensor(maps, dtype=torch.float32)
