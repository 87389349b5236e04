"""Top-down prediction: crops of boxes, batches of crops through a backend, poses per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from mmpose.apis.inference.images import to_bgr
from mmpose.backends import CategoryHead, PoseBackend, TorchBackend
from mmpose.datasets.transforms.condition import draw_condition
from mmpose.detectors.categories import list_categories
from mmpose.models import TopdownPoseEstimator
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.structures import Boxes, CropWindow, Frame, PoseResult, invert_affine, xywh_to_center_wh

MAX_SIDE = 32_000  # px; cv2.warpAffine takes images below 2^15


def inference_topdown(
    model: TopdownPoseEstimator,
    image: Any,
    boxes: ArrayLike | Boxes | None = None,
    bbox_format: str = 'xyxy',
    batch_size: int = 32,
    with_heatmaps: bool = False,
) -> list[PoseResult]:
    """Top-down inference: returns the pose of the instance in each box of an image.

    Args:
        image: A path, an array (BGR), or another image as ``to_bgr`` takes it.
        boxes: (N, 4), img px, (N, 5) with scores, or ``Boxes``; None takes the whole image.
        bbox_format: Format of ``boxes``: ``xyxy`` (as in MMPose) or ``xywh``.
        batch_size: Instances at a time.
        with_heatmaps: Whether each result keeps its heatmaps and crop window.

    Raises:
        FileNotFoundError: If there is no such image.
        TypeError: If the model or the image is something else.
        ValueError: If the image cannot be read, or a box has no size or lies outside of it.
    """
    if bbox_format not in ('xyxy', 'xywh'):
        raise ValueError(f"bbox_format is '{bbox_format}', expected 'xyxy' or 'xywh'")
    if not isinstance(model, TopdownPoseEstimator):
        raise TypeError(f'the model is a {type(model).__name__}, expected what init_model returns')
    name = str(image) if isinstance(image, (str, Path)) else ''
    frame = Frame(0, to_bgr(image), name)
    if boxes is None:
        boxes = Boxes.whole_image(frame.image_wh)
    elif not isinstance(boxes, Boxes):
        boxes = Boxes.from_xyxy(boxes) if bbox_format == 'xyxy' else Boxes.from_xywh(boxes)
    good = boxes.is_usable(frame.image_wh)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f'box {row} (left, top, width, height: {boxes.xywh[row].tolist()}) has no size or lies '
            f'outside the image of {frame.image_wh[0]}x{frame.image_wh[1]} px (width x height); '
            f"is bbox_format '{bbox_format}' right?"
        )
    backend = getattr(model, 'backend', None) or TorchBackend(model)
    [results] = PosePredictor(backend, batch_size, with_heatmaps)([frame], [boxes])
    return results


class PosePredictor:
    """Predicts the poses in the boxes of any number of images, batch by batch.

    Args:
        backend: Runs the network.
        batch_size: Crops at a time.
        with_heatmaps: Whether each result keeps its heatmaps and crop window.
        crop_device: Where crops are cut; None leaves that to OpenCV, which is six times as fast as
            PyTorch on a CPU.
        heads: All heads of a model with a head per category, which is asked for the boxes of its
            category; ``dataset_idx`` of a pose is the place of its head. Instead of ``backend``.
    """

    def __init__(
        self,
        backend: PoseBackend,
        batch_size: int = 32,
        with_heatmaps: bool = False,
        crop_device: torch.device | None = None,
        heads: Sequence[CategoryHead] = (),
    ) -> None:
        self.backend = backend
        self.heads = heads
        self.batch_size = batch_size
        self.with_heatmaps = with_heatmaps
        self.crop_device = crop_device

    def __call__(self, frames: Sequence[Frame], boxes: Sequence[Boxes]) -> list[list[PoseResult]]:
        """Returns the poses of each frame, one per box and in the order of the boxes.

        Raises:
            ValueError: If a box is of a category for which the model has no head.
        """
        if self.heads:
            return self._by_category(frames, boxes)
        jobs = [(i, row) for i, own in enumerate(boxes) for row in range(len(own))]
        poses: list[list[PoseResult]] = [[] for _ in frames]
        for start in range(0, len(jobs), self.batch_size):
            part = jobs[start : start + self.batch_size]
            results = self._predict([(frames[i], boxes[i], row) for i, row in part])
            for (i, _), result in zip(part, results, strict=True):
                poses[i].append(result)
        return poses

    def _by_category(
        self, frames: Sequence[Frame], boxes: Sequence[Boxes]
    ) -> list[list[PoseResult]]:
        known = {name: number for head in self.heads for name, number in head.categories.items()}
        for category in {int(number) for own in boxes for number in own.category_ids}:
            if category not in known.values():
                raise ValueError(
                    f'the detector gave a box of category_id {category}, for which the model has '
                    f'no head; it has {list_categories(known)}'
                )
        poses: list[dict[int, PoseResult]] = [{} for _ in frames]
        options = self.batch_size, self.with_heatmaps, self.crop_device
        for number, head in enumerate(self.heads):
            ids = list(head.categories.values())
            rows = [np.flatnonzero(np.isin(own.category_ids, ids)) for own in boxes]
            chosen = [own.select(picked) for own, picked in zip(boxes, rows, strict=True)]
            found = PosePredictor(head.backend, *options)(frames, chosen)
            for by_row, picked, own in zip(poses, rows, found, strict=True):
                for row, pose in zip(picked.tolist(), own, strict=True):
                    by_row[row] = replace(pose, ann_id=row, dataset_idx=number)
        return [[by_row[row] for row in sorted(by_row)] for by_row in poses]

    def crops(self, frame: Frame, boxes: Boxes) -> Tensor:
        """Returns the network inputs (N, C, h, w) uint8 BGR of the boxes of a frame."""
        instances = [(frame, boxes, row) for row in range(len(boxes))]
        return self._inputs(instances, [self._window(bbox_xywh) for bbox_xywh in boxes.xywh])

    def _predict(self, instances: list[tuple[Frame, Boxes, int]]) -> list[PoseResult]:
        windows = [self._window(boxes.xywh[row]) for _, boxes, row in instances]
        prediction = self.backend.predict(self._inputs(instances, windows), self.with_heatmaps)
        results = batch_to_results(
            prediction.keypoints,
            prediction.keypoint_scores,
            _batch(instances, windows),
            self.backend,
            prediction.confidence,
        )
        if prediction.heatmaps is None:
            return results
        maps: Tensor = prediction.heatmaps.cpu()
        return [
            replace(result, heatmaps=own.numpy(), window=window)
            for result, own, window in zip(results, maps, windows, strict=True)
        ]

    def _inputs(
        self, instances: list[tuple[Frame, Boxes, int]], windows: list[CropWindow]
    ) -> Tensor:
        crops = self._crops([frame.image_bgr for frame, _, _ in instances], windows)
        if not getattr(self.backend, 'has_condition', False):
            return crops
        return torch.cat([crops, _conditions(instances, windows).to(crops.device)], dim=1)

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


def _conditions(instances: list[tuple[Frame, Boxes, int]], windows: list[CropWindow]) -> Tensor:
    """Returns conditions (B, 2, h, w) uint8: the box of each instance, and those of its frame."""
    maps = [
        draw_condition(window, np.roll(boxes.xywh, -row, axis=0))
        for (_, boxes, row), window in zip(instances, windows, strict=True)
    ]
    return torch.from_numpy(np.stack(maps)).permute(0, 3, 1, 2)  # (B, h, w, 2) -> (B, 2, h, w)


def _batch(instances: list[tuple[Frame, Boxes, int]], windows: list[CropWindow]) -> dict[str, Any]:
    """Returns the metadata of the crops in the layout of a collated batch."""
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


def crop_image(image_bgr: NDArray[np.uint8], window: CropWindow) -> NDArray[np.uint8]:
    """Returns the (h, w, 3) uint8 crop of a window, as the test pipeline cuts it.

    Of an image with a side of more than 32,000 px the part behind the window is cut out first, and
    thinned where that is as large.
    """
    matrix = window.matrix()
    if max(image_bgr.shape[:2]) > MAX_SIDE:
        image_bgr, matrix = _part_behind(image_bgr, window, matrix)
    return cv2.warpAffine(image_bgr, matrix, window.input_size, flags=cv2.INTER_LINEAR)


def _part_behind(
    image_bgr: NDArray[np.uint8], window: CropWindow, matrix: NDArray[np.floating]
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """Returns the part of an image below an unrotated window, and the affine from it."""
    image_wh = np.array(image_bgr.shape[1::-1])
    first = np.clip(np.floor(window.center - window.scale / 2) - 1, 0, image_wh - 1).astype(int)
    last = np.clip(np.ceil(window.center + window.scale / 2) + 2, first + 1, image_wh).astype(int)
    step = int(np.ceil((last - first).max() / MAX_SIDE))
    part = image_bgr[first[1] : last[1] : step, first[0] : last[0] : step]
    moved = matrix.copy()  # img = first + step * part
    moved[:, 2] += matrix[:, :2] @ first
    moved[:, :2] *= step
    return np.ascontiguousarray(part), moved


def crop_on_device(
    image_bgr: NDArray[np.uint8], windows: Sequence[CropWindow], device: torch.device
) -> Tensor:
    """Returns crops (B, 3, h, w) uint8 of one image, cut on a device.

    On 80 people of COCO the pixels differ from those of ``crop_image`` by one grey level at most,
    on a ten-thousandth of them. (OpenCV 4 rounds places to 1/32 px, OpenCV 5 does not.)

    Args:
        image_bgr: (H, W, 3).
        windows: B windows of one input size.
        device: Where the crops are wanted.
    """
    width, height = windows[0].input_size
    to_image = np.stack([invert_affine(window.matrix()) for window in windows])  # (B, 2, 3)
    matrices = torch.from_numpy(to_image).to(device, torch.float32)
    ys, xs = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing='ij'
    )
    points_in = torch.stack([xs, ys, torch.ones_like(xs)], -1).float()  # (h, w, 3)
    points_img = points_in.reshape(1, -1, 3) @ matrices.transpose(1, 2)  # -> (B, h w, 2)
    last_wh = torch.tensor(image_bgr.shape[1::-1], device=device) - 1
    grid = (2 * points_img / last_wh.clamp(min=1) - 1).view(-1, height, width, 2)
    image = torch.from_numpy(image_bgr).to(device, non_blocking=True).permute(2, 0, 1)[None].float()
    crops = grid_sample(image.expand(len(windows), -1, -1, -1), grid, align_corners=True)
    return crops.round_().to(torch.uint8)
