"""Published PGVL networks from the configs, and weights that follow from their names alone."""

from __future__ import annotations

import gzip
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmpose.apis import load_config
from mmpose.registry import MODELS

ROOT = Path(__file__).parents[3] / 'configs'
KIND = '2d_kpt_sview_rgb_img/topdown_heatmap'
CONFIGS = {
    'v1_crowdpose_B': f'body/{KIND}/crowdpose/PGVL_ViTB_crowdpose_256X192.py',
    'v1_mpii_B': f'body/{KIND}/mpii/PGVL_ViTB_mpii_256x256.py',
    'v2_ap10k_L_mode1': f'animal/{KIND}/ap10k/PGVL_v2_ViTL_ap10k_256x256.py',
    'v2_crowdpose_B_mode5': f'body/{KIND}/crowdpose/PGVL_v2_ViTB_crowdpose_256X192.py',
    'v2_mpii_B_mode3': f'body/{KIND}/mpii/PGVL_v2_ViTB_mpii_256x256.py',
    'v2_ochuman_B_mode3': f'body/{KIND}/ochuman/PGVL_ViTB_OCHuman_256x192.py',
}
KEYS_FILE = Path(__file__).with_name('pgvl_keys.txt.gz')
CHUNK = 1 << 16


def build_without_memory(name: str) -> nn.Module:
    """Returns a published network whose tensors have shapes only."""
    with torch.device('meta'):
        return MODELS.build(load_config(ROOT / CONFIGS[name]).model)


@lru_cache(maxsize=1)
def published_keys() -> dict[str, dict[str, tuple[int, ...]]]:
    """Returns network -> name -> shape of every tensor of its published state."""
    networks: dict[str, dict[str, tuple[int, ...]]] = {}
    for line in gzip.decompress(KEYS_FILE.read_bytes()).decode().splitlines():
        name, _, shape = line.partition(' ')
        if name == '=':
            keys = networks[shape] = {}
        else:
            keys[name] = tuple(map(int, shape.split('x'))) if shape else ()
    return networks


def published_name(name: str) -> str:
    """Returns the name that the published code has for one of our tensors."""
    return f'keypoint_{name}' if name.startswith('head.') else name


def noise(start: int, stop: int, phase: float) -> np.ndarray:
    """Returns numbers ``start`` to ``stop`` of a sequence in [0, 1) that needs no generator."""
    values = np.arange(start, stop, dtype=np.float64)
    values *= 12.9898
    values += phase
    np.sin(values, out=values)
    values *= 43758.5453
    values -= np.floor(values)
    return values


def fill(tensor: Tensor, name: str, rows: list[int] | None = None) -> None:
    """Fills a tensor as the reference was filled.

    Args:
        tensor: Any tensor of a state; integers stay.
        name: Its published name.
        rows: The only rows of a matrix that are read; None for all.
    """
    if not tensor.is_floating_point():
        tensor.zero_()
        return
    phase = zlib.crc32(name.encode()) % 1000
    flat = tensor.detach().view(-1)
    width = tensor.shape[-1] if rows else CHUNK
    for start in [row * width for row in rows] if rows else range(0, flat.numel(), CHUNK):
        stop = min(start + width, flat.numel())
        x = torch.from_numpy(noise(start, stop, phase) - 0.5).float()
        if name.endswith('running_var'):
            x = 1 + x.abs()
        elif name.endswith('weight') and tensor.ndim == 1:
            x = 1 + 0.1 * x
        elif tensor.ndim == 0:
            x = 0.5 + x
        else:
            x = 0.1 * x
        flat[start:stop] = x


def image(batch: int, height: int, width: int) -> Tensor:
    """Returns the images (B, 3, h, w) that the reference saw."""
    values = 4 * (noise(0, batch * 3 * height * width, 0.5) - 0.5)
    return torch.from_numpy(values).float().view(batch, 3, height, width)
