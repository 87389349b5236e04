"""Keypoints of a skeleton that are points of the rig, found by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.metainfo import load_metainfo
from mmpose.metainfo.keypoint_names import parse_name, parse_names, point_key
from mmpose.structures import DatasetMeta

Array = NDArray[np.float64]

LIMB_JOINTS = tuple(
    f'{side}_{joint}'
    for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    for side in ('left', 'right')
)
OPTIONAL_JOINTS = (
    'pelvis', 'neck', 'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'head_top',
    'left_big_toe', 'right_big_toe', 'left_small_toe', 'right_small_toe', 'left_heel', 'right_heel',
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class BodyJoints:
    """The keypoints of a skeleton that the rig has a point for.

    Attributes:
        dataset_meta: The skeleton of K keypoints.
        names: (M,) points of the rig, limb joints first.
        indices: (M,) int64. Their keypoints.
    """

    dataset_meta: DatasetMeta
    names: tuple[str, ...]
    indices: NDArray[np.int64]

    @classmethod
    def of_skeleton(cls, skeleton: str | DatasetMeta) -> BodyJoints:
        """Returns the mapping of a skeleton, by the names of its keypoints.

        Raises:
            ValueError: If a joint of the arms or legs is missing.
            FileNotFoundError: If there is no such skeleton.
        """
        dataset_meta = load_metainfo(skeleton)
        names = parse_names(dataset_meta.keypoint_names)
        places = {point_key(name): i for i, name in enumerate(names)}
        places |= {name.key: i for i, name in enumerate(names)}
        keys = {name: parse_name(name).key for name in (*LIMB_JOINTS, *OPTIONAL_JOINTS)}
        index = {name: places[key] for name, key in keys.items() if key in places}
        missing = [name for name in LIMB_JOINTS if name not in index]
        if missing:
            raise ValueError(
                f"skeleton '{dataset_meta.name}' has no {', '.join(missing)}: 3D joints need "
                'the joints of '
                'both arms and legs, as in coco or h36m'
            )
        return cls(dataset_meta, tuple(index), np.array(list(index.values())))

    @property
    def key(self) -> tuple[str, ...]:
        """Name of the skeleton and those of its points, the same for equal mappings."""
        return self.dataset_meta.name, *self.names

    def pick(self, keypoints: ArrayLike) -> Array:
        """Returns (M, D), the keypoints (K, D) that the rig knows, in the order of ``names``.

        Raises:
            ValueError: If there are not K of them.
        """
        points = np.asarray(keypoints, np.float64)
        if points.ndim != 2 or len(points) != self.dataset_meta.num_keypoints:
            raise ValueError(
                f"keypoints have shape {points.shape}, but skeleton '{self.dataset_meta.name}' "
                'needs '
                f'({self.dataset_meta.num_keypoints}, 2 or 3)'
            )
        return points[self.indices]

    def place(self, joints: ArrayLike) -> Array:
        """Returns (K, D) with the joints (M, D) at their keypoints, NaN elsewhere."""
        values = np.asarray(joints, np.float64)
        full = np.full((self.dataset_meta.num_keypoints, values.shape[-1]), np.nan)
        full[self.indices] = values
        return full
