"""Heatmap overlays on network inputs and on whole images.

Images are (H, W, 3) uint8 BGR.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.structures import DatasetMeta, PoseResult, invert_affine, transform_points
from mmpose.visualization.shapes import Image, checked_image

ALL_KEYPOINTS = 'all'
ALPHA = 0.75


def overlay_heatmaps(
    image_bgr: Image,
    heatmaps: NDArray[np.floating],
    alpha: float = ALPHA,
    use_udp: bool = True,
    peak: float = 1.0,
) -> Image:
    """Returns the image with the strongest response of all keypoints in colour.

    Where the heatmaps are zero the image shines through unchanged.

    Args:
        image_bgr: (h, w, 3) uint8 network input, not changed.
        heatmaps: (K, H, W). Not-a-number counts as zero.
        alpha: Opacity of the strongest response.
        use_udp: True when the codec counts distances between pixel centres (UDP), so that the
            last cell lies on the last pixel; False when a cell covers w / W px.
        peak: Heat that gets the last colour; what lies above it is clipped.

    Raises:
        ValueError: If a shape is wrong.
    """
    canvas = checked_image(image_bgr).copy()
    if heatmaps.ndim != 3 or not heatmaps.size:
        raise ValueError(f'heatmaps have shape {heatmaps.shape}, expected (keypoints, H, W)')
    image_wh = canvas.shape[1::-1]
    scale = _cell_size(heatmaps.shape[:0:-1], image_wh, use_udp)
    matrix = np.array([[scale[0], 0, 0], [0, scale[1], 0]])
    _paint_heat(canvas, _warped(heatmaps / peak, matrix, image_wh, cv2.BORDER_REPLICATE), alpha)
    return canvas


def paint_result_heatmaps(
    canvas: Image,
    results: Sequence[PoseResult],
    dataset_meta: DatasetMeta,
    keypoint: str,
) -> None:
    """Paints the heatmaps of all results into the image; where they overlap, the maximum.

    Args:
        canvas: (H, W, 3), painted in place.
        results: Poses with heatmaps and windows.
        keypoint: Name of the keypoint whose heatmaps are painted, ``all`` for every one.

    Raises:
        ValueError: If there is no such keypoint, or a result has no heatmaps.
    """
    rows = _rows(dataset_meta, keypoint)
    heat = np.zeros(canvas.shape[:2], np.uint8)
    for result in results:
        if result.heatmaps is None or result.window is None:
            raise ValueError(
                f'the pose of annotation {result.ann_id} has no heatmaps to draw; ask the model '
                'for them with the results, or draw without heatmaps'
            )
        num_channels = len(result.heatmaps) // dataset_meta.num_keypoints
        maps = result.heatmaps[::num_channels][rows]  # without the offsets of a combined codec
        window = result.window
        scale = _cell_size(maps.shape[:0:-1], window.input_size, window.use_udp)
        to_image = invert_affine(window.matrix())
        to_image[:, :2] *= scale
        corners = [[x, y] for x in (0, maps.shape[2] - 1) for y in (0, maps.shape[1] - 1)]
        corners_img = transform_points(corners, to_image)
        first = np.clip(np.floor(corners_img.min(axis=0)), 0, canvas.shape[1::-1]).astype(int)
        last = np.clip(np.ceil(corners_img.max(axis=0)) + 1, 0, canvas.shape[1::-1]).astype(int)
        if (last <= first).any():
            continue
        to_image[:, 2] -= first
        wh = (int(last[0] - first[0]), int(last[1] - first[1]))
        part = heat[first[1] : last[1], first[0] : last[0]]
        np.maximum(part, _warped(maps, to_image, wh, cv2.BORDER_CONSTANT), out=part)
    _paint_heat(canvas, heat, ALPHA)


def _rows(dataset_meta: DatasetMeta, keypoint: str) -> slice:
    if keypoint == ALL_KEYPOINTS:
        return slice(None)
    if keypoint not in dataset_meta.keypoint_names:
        raise ValueError(
            f"heatmap is '{keypoint}', expected '{ALL_KEYPOINTS}' or a keypoint of "
            f"'{dataset_meta.name}': "
            f'{", ".join(dataset_meta.keypoint_names)}'
        )
    row = dataset_meta.keypoint_names.index(keypoint)
    return slice(row, row + 1)


def _cell_size(
    map_wh: Sequence[int], input_size: Sequence[int], use_udp: bool
) -> NDArray[np.float64]:
    """Returns the width and height of a cell, px."""
    cells, size = np.array(map_wh, np.float64), np.array(input_size, np.float64)
    return (size - 1) / np.maximum(cells - 1, 1) if use_udp else size / cells


def _warped(
    heatmaps: NDArray[np.floating],
    matrix: NDArray[np.floating],
    size_wh: Sequence[int],
    border: int,
) -> NDArray[np.uint8]:
    """Returns the strongest heat of heatmaps (K, H, W) in an image, from 0 to 255."""
    heat = np.clip(np.nan_to_num(heatmaps.astype(np.float32)).max(axis=0), 0, 1)
    levels = np.round(255 * heat).astype(np.uint8)  # bytes are warped faster than floats
    return np.asarray(
        cv2.warpAffine(levels, matrix, list(size_wh), flags=cv2.INTER_CUBIC, borderMode=border),
        np.uint8,
    )


def _paint_heat(canvas: Image, heat: NDArray[np.uint8], alpha: float) -> None:
    """Mixes colours into the canvas; in bytes, as a frame of a video has millions of pixels."""
    left, top, width, height = cv2.boundingRect(heat)
    if not width:
        return
    part = canvas[top : top + height, left : left + width]
    levels = np.arange(256, dtype=np.uint8)[:, None]
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, 0]  # (256, 3)
    opacity = alpha * np.sqrt(levels / 255)  # the root keeps the flanks of a peak visible
    color_of = np.round(colors * opacity).astype(np.uint8)[None]  # (1, 256, 3)
    rest_of = np.round(255 * (1 - opacity)).astype(np.uint8)
    heat_3 = cv2.cvtColor(heat[top : top + height, left : left + width], cv2.COLOR_GRAY2BGR)
    rest = cv2.multiply(part, cv2.LUT(heat_3, rest_of), scale=1 / 255)
    part[:] = cv2.add(rest, cv2.LUT(heat_3, color_of))
