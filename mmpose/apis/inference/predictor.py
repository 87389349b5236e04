"""Crops instances out of images and predicts them in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmpose.apis.inference.crops import crop_image, crop_on_device
from mmpose.backends.base import PoseBackend
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.structures import Boxes, CropWindow, Frame, PoseResult, xywh_to_center_wh


class PosePredictor:
    """Predicts the instances of any number of images, as many at a time as fit into a batch.

    Args:
        backend: Runs the network.
        batch_size: Crops at a time.
        with_heatmaps: Whether each result keeps its heatmaps and crop window.
        crop_device: Where crops are cut; None leaves that to OpenCV, which is six times as fast as
            PyTorch on a CPU.
    """

    def __init__(
        self,
        backend: PoseBackend,
        batch_size: int = 32,
        with_heatmaps: bool = False,
        crop_device: torch.device | None = None,
    ) -> None:
        self.backend = backend
        self.batch_size = batch_size
        self.with_heatmaps = with_heatmaps
        self.crop_device = crop_device

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[list[PoseResult]]:
        """Returns the poses of each frame, one per box and in the order of the boxes."""
        jobs = [(i, row) for i, own in enumerate(boxes) for row in range(len(own))]
        poses: list[list[PoseResult]] = [[] for _ in frames]
        for start in range(0, len(jobs), self.batch_size):
            part = jobs[start : start + self.batch_size]
            results = self._predict([(frames[i], boxes[i], row) for i, row in part])
            for (i, _), result in zip(part, results, strict=True):
                poses[i].append(result)
        return poses

    def _predict(self, instances: list[tuple[Frame, Boxes, int]]) -> list[PoseResult]:
        windows = [self._window(boxes.xywh[row]) for _, boxes, row in instances]
        inputs = self._crops([frame.image_bgr for frame, _, _ in instances], windows)
        prediction = self.backend.predict(inputs, self.with_heatmaps)
        results = batch_to_results(
            prediction.keypoints,
            prediction.keypoint_scores,
            _batch(instances, windows),
            self.backend,
        )
        if prediction.heatmaps is None:
            return results
        maps: Tensor = prediction.heatmaps.cpu()
        return [
            replace(result, heatmaps=own.numpy(), window=window)
            for result, own, window in zip(results, maps, windows, strict=True)
        ]

    def _crops(self, images: list[np.ndarray], windows: list[CropWindow]) -> Tensor:
        """Returns (B, 3, h, w) uint8, a crop of each image; of images that follow each other only
        one is on the device at a time."""
        if self.crop_device is None:
            crops = np.stack(list(map(crop_image, images, windows)))
            return torch.from_numpy(crops).permute(0, 3, 1, 2)  # (B, h, w, 3) -> (B, 3, h, w)
        pairs = groupby(zip(images, windows, strict=True), key=lambda pair: id(pair[0]))
        parts = [[*zip(*group, strict=True)] for _, group in pairs]
        return torch.cat([crop_on_device(x[0], own, self.crop_device) for x, own in parts])

    def _window(self, bbox_xywh: np.ndarray) -> CropWindow:
        backend = self.backend
        if backend.stretch:
            center, box_wh = xywh_to_center_wh(np.asarray(bbox_xywh, np.float64))
            scale = np.full(2, box_wh.max() * backend.padding)
            return CropWindow(center, scale, backend.input_size, 0.0, backend.use_udp)
        return CropWindow.from_bbox(bbox_xywh, backend.input_size, backend.padding, backend.use_udp)


def _batch(instances: list[tuple[Frame, Boxes, int]], windows: list[CropWindow]) -> dict[str, Any]:
    """Returns what the collate function of the loader would say about the crops."""
    num = len(instances)
    return {
        'center': np.stack([window.center for window in windows]),
        'scale': np.stack([window.scale for window in windows]),
        'rotation': np.zeros(num),
        'bbox_xywh': np.stack([boxes.xywh[row] for _, boxes, row in instances]),
        'bbox_score': np.array([boxes.scores[row] for _, boxes, row in instances]),
        'ann_id': np.array([row for _, _, row in instances]),
        'category_id': np.array([boxes.category_ids[row] for _, boxes, row in instances]),
        'dataset_idx': np.zeros(num, np.int64),
        'img_id': [frame.index for frame, _, _ in instances],
        'image_file': [frame.name for frame, _, _ in instances],
    }
