"""Splits images into sets at random, group by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping

import numpy as np

# Of the images of each species: Yu et al., AP-10K, NeurIPS 2021.
SPLIT_SHARES = {'train': 0.7, 'val': 0.1, 'test': 0.2}


def split_by_group(
    groups: Mapping[Hashable, Hashable], shares: Mapping[str, float], seed: int
) -> dict[Hashable, str]:
    """Returns the set of each key, so that every group is divided in the same proportion.

    Args:
        groups: Group of each key, such as the species of each image. The result depends on the
            order of the keys.
        shares: Share of each set; they add up to 1. A group too small for all sets fills the
            first ones first.
        seed: The only source of randomness.
    """
    members: dict[Hashable, list[Hashable]] = defaultdict(list)
    for key, group in groups.items():
        members[group].append(key)
    rng = np.random.default_rng(seed)
    chosen: dict[Hashable, str] = {}
    for keys in members.values():
        ends = np.round(np.cumsum(list(shares.values())) * len(keys)).astype(int)
        ends[0] = max(ends[0], 1)
        order = rng.permutation(len(keys))
        for name, start, end in zip(shares, [0, *ends[:-1]], ends, strict=True):
            for i in order[start:end]:
                chosen[keys[i]] = name
    return chosen
