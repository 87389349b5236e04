"""Image frames that inference takes, and the poses that it gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.structures.crop import CropWindow

# what a keypoint is, in the order of their probabilities
VISIBILITIES = ('visible', 'occluded', 'outside')
VISIBLE, OCCLUDED, OUTSIDE = range(3)
SAID = ('visibility', 'sigma_px', 'pose_score')  # by models that can


@dataclass(frozen=True, eq=False)
class Frame:
    """Image of a folder or frame of a video, with its place in the source.

    Attributes:
        index: Running number in the source, from 0.
        image_bgr: (H, W, 3) uint8.
        name: Path of the image; path or address of the video or camera it is a frame of.
        time_s: Seconds since the first frame: by the time stamps of a file (its frame rate, where
            PyAV is missing), by a monotonic clock from a camera; 0 for images.
    """

    index: int
    image_bgr: NDArray[np.uint8]
    name: str
    time_s: float = 0.0

    @property
    def image_wh(self) -> tuple[int, int]:
        """Width and height, px."""
        height, width = self.image_bgr.shape[:2]
        return width, height


@dataclass(frozen=True, eq=False)
class PoseResult:
    """Predicted pose of one instance in one image.

    Attributes:
        img_id: Id of the image in its annotation file; its path where there is no such file.
        ann_id: Id of the annotation or running number of the box: unique within a dataset.
        category_id: COCO category of the box.
        keypoints: (K, 2), img px.
        keypoint_scores: (K,). Confidence of each keypoint.
        bbox_xywh: (4,), img px. The box that was given, without padding.
        bbox_score: Confidence of the box; 1 for ground truth.
        area: Area of the padded crop window in img px², which OKS-NMS uses as the object scale.
        image_file: Path of the image, where known.
        dataset_idx: Which dataset of a multi-dataset model the sample belongs to.
        track_id: Number of the instance in a video; None where nobody tracks.
        heatmaps: (C, H, W) float32 of the crop, hm cells, where they were asked for.
        window: The crop window, where ``heatmaps`` are given: it places them in the image.
        visibility: (K, 3). Probabilities of visible, occluded and outside the crop, where the model
            has a visibility head.
        sigma_px: (K,), img px. Standard deviation of each keypoint along an axis, of a model with
            a visibility head or calibrated scores; NaN where a heatmap is empty.
        pose_score: Expected OKS of the pose, where the scores of the model are calibrated.
    """

    img_id: int | str
    ann_id: int
    category_id: int
    keypoints: NDArray[np.float32]
    keypoint_scores: NDArray[np.float32]
    bbox_xywh: NDArray[np.float32]
    bbox_score: float = 1.0
    area: float = 0.0
    image_file: str = ''
    dataset_idx: int = 0
    track_id: int | None = None
    heatmaps: NDArray[np.float32] | None = None
    window: CropWindow | None = None
    visibility: NDArray[np.float32] | None = None
    sigma_px: NDArray[np.float32] | None = None
    pose_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the pose as numbers, texts and lists, for JSON; without heatmaps and window.

        A number that is not finite is None, as JSON has no other word for it. What only some models
        say is left out where it is None.
        """
        kept = (x.name for x in fields(self) if x.name not in ('heatmaps', 'window'))
        kept = (name for name in kept if name not in SAID or getattr(self, name) is not None)
        return {name: _plain(getattr(self, name)) for name in kept}


def per_dataset(
    poses: Sequence[PoseResult], change: Callable[[int, list[PoseResult]], list[PoseResult]]
) -> list[PoseResult]:
    """Returns what a function makes of the poses of each ``dataset_idx``, one after the other."""
    numbers = sorted({pose.dataset_idx for pose in poses})
    return [x for i in numbers for x in change(i, [p for p in poses if p.dataset_idx == i])]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
