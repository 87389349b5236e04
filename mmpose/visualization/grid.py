"""Image grids: tiles with titles, side-by-side pairs, previews of training batches.

Images are (H, W, 3) uint8 BGR and are never changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmpose.structures import DatasetMeta
from mmpose.visualization.draw import draw_pose
from mmpose.visualization.heatmap_overlay import overlay_heatmaps
from mmpose.visualization.shapes import Color, Image, blend, checked_image, text_coverage

BACKGROUND: Color = (24, 24, 24)
TITLE: Color = (235, 235, 235)


def make_grid(
    images: Sequence[Image],
    columns: int,
    pad: int = 8,
    background: Color = BACKGROUND,
    titles: Sequence[str] | None = None,
    tile_hw: tuple[int, int] | None = None,
) -> Image:
    """Returns the images in rows, each fitted into a tile of the same size with its shape kept.

    The grid is ``columns * (w + pad) + pad`` px wide. A row is ``h + pad`` px high, plus a line
    for the titles where there are any, and one more ``pad`` closes the grid.

    Args:
        images: (H, W, 3) each, at least one. They are read left to right, then down.
        columns: Tiles in a row.
        pad: Space between tiles and at the border, px.
        background: BGR.
        titles: One per image, written above its tile; an empty one leaves its line empty.
        tile_hw: Height and width of a tile; None takes the greatest of each.

    Raises:
        ValueError: If there are no images, no columns, not as many titles as images, or if an
            image is none.
    """
    if not images or columns < 1:
        raise ValueError(f'a grid needs images and columns, got {len(images)} and {columns}')
    if titles is not None and len(titles) != len(images):
        raise ValueError(f'{len(titles)} titles for {len(images)} images')
    tile_h, tile_w = tile_hw or np.max([image.shape[:2] for image in images], axis=0).tolist()
    cap_height = max(8.0, tile_h / 32)
    title_h = 0 if titles is None else math.ceil(2.2 * cap_height)
    rows = math.ceil(len(images) / columns)
    row_h = title_h + tile_h + pad
    grid = np.empty((rows * row_h + pad, columns * (tile_w + pad) + pad, 3), np.uint8)
    grid[:] = background
    for i, image in enumerate(images):
        top, left = pad + i // columns * row_h, pad + i % columns * (tile_w + pad)
        if titles is not None:
            _write_title(grid, titles[i], (left, top), (title_h, tile_w), cap_height)
        top += title_h
        tile = grid[top : top + tile_h, left : left + tile_w]
        _place(tile, checked_image(image))
    return grid


def side_by_side(gt: Image, pred: Image) -> Image:
    """Returns two drawings of one image next to each other, with titles."""
    return make_grid([gt, pred], columns=2, titles=['ground truth', 'prediction'])


def training_preview(
    inputs: NDArray[np.uint8],
    keypoints_in: ArrayLike,
    keypoints_visible: ArrayLike,
    predicted_in: ArrayLike,
    keypoint_scores: ArrayLike,
    target_heatmaps: NDArray[np.floating] | None,
    dataset_meta: DatasetMeta,
    max_samples: int = 8,
    score_threshold: float = 0.1,
    use_udp: bool = True,
    tile_height: int = 384,
) -> Image:
    """Returns a preview of a batch: per sample its target, target heatmaps and prediction.

    Args:
        inputs: (B, 3, h, w) or (B, h, w, 3) uint8 BGR network inputs.
        keypoints_in: (B, K, 2), input px. Targets.
        keypoints_visible: (B, K). Targets are drawn above 0.5, and the distance to them is written
            over the prediction.
        predicted_in: (B, K, 2), input px.
        keypoint_scores: (B, K). Confidence of the predictions.
        target_heatmaps: (B, K, H, W), one heatmap per keypoint without any offset channels, or
            None to leave the middle picture out.
        max_samples: Samples to show, from the first one.
        score_threshold: Predictions are drawn above it; low because early scores are.
        use_udp: True when the heatmaps come from a UDP codec; see ``overlay_heatmaps``.
        tile_height: Height of one picture, px.

    Raises:
        ValueError: If a shape is wrong; the message says what was expected.
    """
    images = _images(inputs)[:max_samples]
    targets, predictions = np.asarray(keypoints_in, float), np.asarray(predicted_in, float)
    shown, confidences = (
        np.asarray(keypoints_visible, float) > 0.5,
        np.asarray(keypoint_scores, float),
    )
    _check_heatmaps(target_heatmaps, len(inputs), dataset_meta)
    rows = []
    for i, image in enumerate(images):
        large, scale = _enlarge(image, tile_height)
        target, prediction = ((points[i] + 0.5) * scale - 0.5 for points in (targets, predictions))
        tiles = [draw_pose(large, target, shown[i], dataset_meta)]
        titles = [f'target, {shown[i].sum()} keypoints']
        if target_heatmaps is not None:
            heated = overlay_heatmaps(image, target_heatmaps[i], use_udp=use_udp)
            tiles.append(_enlarge(heated, tile_height)[0])
            titles.append('target heatmaps')
        tiles.append(draw_pose(large, prediction, confidences[i], dataset_meta, score_threshold))
        titles.append(_prediction_title(targets[i], predictions[i], shown[i]))
        rows.append(make_grid(tiles, columns=len(tiles), pad=4, titles=titles))
    return make_grid(rows, columns=2 if len(rows) > 1 else 1, pad=8)


def _prediction_title(
    target: NDArray[np.floating], prediction: NDArray[np.floating], shown: NDArray[np.bool_]
) -> str:
    if not shown.any():
        return 'prediction'
    distance = np.hypot(*(prediction - target)[shown].T).mean()
    return f'prediction, {distance:.1f} px off'


def _images(inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns inputs of either layout as (B, h, w, 3)."""
    if inputs.ndim == 4 and inputs.dtype == np.uint8 and len(inputs):
        if inputs.shape[3] == 3:
            return inputs
        if inputs.shape[1] == 3:
            return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))  # -> (B, h, w, 3)
    raise ValueError(
        f'inputs have shape {inputs.shape} and type {inputs.dtype}, expected (B, 3, h, w) or '
        '(B, h, w, 3) uint8, before normalisation'
    )


def _check_heatmaps(
    heatmaps: NDArray[np.floating] | None, batch: int, dataset_meta: DatasetMeta
) -> None:
    if heatmaps is None:
        return
    if heatmaps.ndim == 4 and heatmaps.shape[:2] == (batch, dataset_meta.num_keypoints):
        return
    raise ValueError(
        f'target heatmaps have shape {heatmaps.shape}, expected ({batch}, '
        f'{dataset_meta.num_keypoints}, '
        f"H, W) for '{dataset_meta.name}'; pass the heatmap channels only, without offsets"
    )


def _enlarge(image: Image, height: int) -> tuple[Image, float]:
    """Returns the image at a height, and the scale; pixel centres map (x + 0.5) * scale - 0.5."""
    scale = height / image.shape[0]
    return _resize(image, (round(image.shape[1] * scale), height)), scale


def _place(tile: Image, image: Image) -> None:
    """Fits an image into the middle of a tile, in place."""
    tile_h, tile_w = tile.shape[:2]
    height, width = image.shape[:2]
    scale = min(tile_h / height, tile_w / width)
    fitted = _resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))
    top, left = (tile_h - fitted.shape[0]) // 2, (tile_w - fitted.shape[1]) // 2
    tile[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted


def _resize(image: Image, size_wh: tuple[int, int]) -> Image:
    shrinks = size_wh[0] < image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, size_wh, interpolation=method)


def _write_title(
    grid: Image, title: str, left_top: tuple[int, int], size_hw: tuple[int, int], cap_height: float
) -> None:
    coverage = text_coverage(title, cap_height)
    if coverage.shape[1] > size_hw[1]:
        coverage = text_coverage(title, cap_height * size_hw[1] / coverage.shape[1])
    top = left_top[1] + max(0, size_hw[0] - coverage.shape[0]) // 2
    blend(grid, coverage[:, : size_hw[1]], (left_top[0], top), TITLE)
