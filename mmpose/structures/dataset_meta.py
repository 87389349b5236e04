"""Dataset metainfo: keypoint names, mirror partners, skeleton links, weights, sigmas, colours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DatasetMeta:
    """Skeleton of K keypoints and L links; checks itself when it is made.

    Attributes:
        name: Name of the skeleton, such as ``coco``.
        keypoint_names: (K,), unique.
        flip_indices: (K,) int64. Partner of each keypoint in a mirrored image; itself if none.
        upper_body_ids: Keypoints that half-body augmentation counts as upper body.
        lower_body_ids: Keypoints of the lower body; whatever is in neither is untyped.
        skeleton_links: (L, 2) int64. Pairs of keypoint ids.
        dataset_keypoint_weights: (K,) float32. Loss weights for training that asks for them.
        sigmas: (K,) float32 or None. OKS falloff constants; None where none were published.
        keypoint_colors: (K, 3) uint8 RGB.
        skeleton_link_colors: (L, 3) uint8 RGB.

    Raises:
        ValueError: If the parts contradict each other; the message names the skeleton and part.
    """

    name: str
    keypoint_names: tuple[str, ...]
    flip_indices: NDArray[np.int64]
    upper_body_ids: tuple[int, ...]
    lower_body_ids: tuple[int, ...]
    skeleton_links: NDArray[np.int64]
    dataset_keypoint_weights: NDArray[np.float32]
    sigmas: NDArray[np.float32] | None
    keypoint_colors: NDArray[np.uint8]
    skeleton_link_colors: NDArray[np.uint8]

    @property
    def num_keypoints(self) -> int:
        """K, the only home of this number."""
        return len(self.keypoint_names)

    def oks_sigmas(self, advice: str = '') -> NDArray[np.float32]:
        """Returns the sigmas, for what cannot do without.

        Args:
            advice: What to do where there are none.

        Raises:
            ValueError: If there are none.
        """
        if self.sigmas is None:
            raise ValueError(f"skeleton '{self.name}' has no sigmas, which OKS needs{advice}")
        return self.sigmas

    def metainfo(self) -> dict[str, Any]:
        """Returns what ``dataset.metainfo`` holds in MMPose 1.x, under the same names.

        ``keypoint_id2name`` and ``keypoint_name2id`` number the keypoints, ``flip_pairs`` are the
        pairs of different partners.
        """
        partners = self.flip_indices.tolist()
        return {
            'dataset_name': self.name,
            'num_keypoints': self.num_keypoints,
            'keypoint_id2name': dict(enumerate(self.keypoint_names)),
            'keypoint_name2id': {name: i for i, name in enumerate(self.keypoint_names)},
            'flip_pairs': [(i, j) for i, j in enumerate(partners) if i < j],
            'flip_indices': partners,
            'upper_body_ids': list(self.upper_body_ids),
            'lower_body_ids': list(self.lower_body_ids),
            'num_skeleton_links': len(self.skeleton_links),
            'skeleton_links': [tuple(link) for link in self.skeleton_links.tolist()],
            'skeleton_link_colors': self.skeleton_link_colors,
            'keypoint_colors': self.keypoint_colors,
            'dataset_keypoint_weights': self.dataset_keypoint_weights,
            'sigmas': self.sigmas,
        }

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(f"skeleton '{self.name}': {problem}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatasetMeta):
            return NotImplemented
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return all(np.array_equal(a, b) for a, b in pairs)

    def _problems(self) -> list[str]:
        num = self.num_keypoints
        problems = []
        twice = [name for name, count in Counter(self.keypoint_names).items() if count > 1]
        if twice:
            problems.append(f'keypoint names must be unique, these occur twice: {twice}')
        lengths = {
            'flip_indices': len(self.flip_indices),
            'dataset_keypoint_weights': len(self.dataset_keypoint_weights),
            'sigmas': num if self.sigmas is None else len(self.sigmas),
            'keypoint_colors': len(self.keypoint_colors),
        }
        problems += [
            f'{part} has {length} entries for {num} keypoints'
            for part, length in lengths.items()
            if length != num
        ]
        if len(self.skeleton_link_colors) != len(self.skeleton_links):
            problems.append(
                f'{len(self.skeleton_link_colors)} link colours for {len(self.skeleton_links)} '
                'skeleton links'
            )
        ids = [
            *self.flip_indices,
            *self.upper_body_ids,
            *self.lower_body_ids,
            *self.skeleton_links.ravel(),
        ]
        if any(not 0 <= i < num for i in ids):
            problems.append(f'an id is outside 0..{num - 1}')
        if problems:
            return problems
        if not np.array_equal(self.flip_indices[self.flip_indices], np.arange(num)):
            bad = np.flatnonzero(self.flip_indices[self.flip_indices] != np.arange(num))
            names = [self.keypoint_names[i] for i in bad]
            problems.append(f'flip partners must be mutual, these are not: {names}')
        both = set(self.upper_body_ids) & set(self.lower_body_ids)
        if both:
            problems.append(f'ids {sorted(both)} are both upper and lower body')
        return problems
