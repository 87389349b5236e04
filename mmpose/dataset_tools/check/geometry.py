"""Geometry check: boxes and keypoints against images, crops and each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mmpose.dataset_tools.check.split import Split
from mmpose.structures import fix_aspect_ratio, xywh_to_center_wh

# A keypoint may lie beyond its box by this part of the longer side: where an instance is half
# hidden, COCO's boxes hold what is seen, its keypoints also what is not.
BOX_TOLERANCE = 0.25
# A box may leave the image by this part of its area; it is clipped there.
OUTSIDE_SHARE = 0.1
# Annotated sizes are rounded, so a point may lie this far beyond the last pixel, px.
IMAGE_TOLERANCE = 1.0


def check_geometry(
    split: Split, padding: float = 1.25, input_size: Sequence[int] | None = None
) -> None:
    """Finds boxes and keypoints that cannot be right.

    Args:
        padding: Factor on the box that gives the crop window.
        input_size: Width and height of the crop, px, which give the aspect of the window.
    """
    store = split.store
    if not len(store):
        return
    image_wh = store.image_wh[store.image_index].astype(np.float64)  # (N, 2)
    box, points = store.bbox_xywh, store.keypoints.astype(np.float64)
    labelled = store.keypoints_visible > 0
    is_sized = (image_wh > 0).all(axis=1)
    _check_boxes(split, image_wh, is_sized)
    beyond_box = _distance_outside(points, box[:, None, :2], (box[:, :2] + box[:, 2:])[:, None])
    far = beyond_box > BOX_TOLERANCE * box[:, 2:].max(axis=1)[:, None]
    _report_points(split, 'keypoint_outside_box', far & labelled, 'inside the box', _box_text)
    beyond_image = _distance_outside(points, 0.0, image_wh[:, None] - 1)
    out = (beyond_image > IMAGE_TOLERANCE) & labelled & is_sized[:, None]
    _report_points(split, 'keypoint_outside_image', out, 'inside the image', _image_text)
    _check_crops(split, padding, input_size)
    _check_copies(split)


def _check_boxes(split: Split, image_wh: NDArray[np.float64], is_sized: NDArray[np.bool_]) -> None:
    box = split.store.bbox_xywh
    box_area = box[:, 2] * box[:, 3]
    first, last = np.maximum(box[:, :2], 0), np.minimum(box[:, :2] + box[:, 2:], image_wh)
    inside = np.prod(np.maximum(last - first, 0), axis=1)
    empty = (box_area == 0) | (split.store.area <= 0)
    for row in np.flatnonzero(empty):
        found = f'{_box_text(split, row)}, area {split.store.area[row]:g}'
        split.report_instance('empty_box', row, found, 'a box and an area above 0')
    outside = is_sized & ~empty & (inside == 0)
    share = 1 - inside / np.maximum(box_area, 1e-9)
    # Boxes that the reader makes, such as the squares of MPII, leave the image by design.
    leaves = is_sized & ~empty & ~outside & (share > OUTSIDE_SHARE) & (not split.from_reader)
    for kind, rows in (('box_outside_image', outside), ('box_leaves_image', leaves)):
        for row in np.flatnonzero(rows):
            found = f'{_box_text(split, row)} and {_image_text(split, row)}'
            found += f', {share[row]:.0%} outside' if leaves[row] else ''
            split.report_instance(kind, row, found, 'a box inside the image')


def _check_crops(split: Split, padding: float, input_size: Sequence[int] | None) -> None:
    """Finds instances none of whose keypoints are in the upright window of validation."""
    labelled = split.store.keypoints_visible > 0
    center, box_wh = xywh_to_center_wh(split.store.bbox_xywh)
    window_wh = box_wh * padding
    if input_size is not None:
        window_wh = fix_aspect_ratio(window_wh, input_size[0] / input_size[1])
    offset = np.abs(split.store.keypoints - center[:, None])  # (N, K, 2)
    inside = (offset <= window_wh[:, None] / 2).all(axis=2) & labelled
    has_some = labelled.any(axis=1) & (window_wh > 0).all(axis=1)
    for row in np.flatnonzero(has_some & ~inside.any(axis=1)):
        found = f'none of {labelled[row].sum()} labelled keypoints in the crop round '
        split.report_instance('empty_target', row, found + _box_text(split, row), 'at least one')


def _check_copies(split: Split) -> None:
    """Finds annotations with the same keypoints on the same image."""
    store = split.store
    first_of: dict[tuple[int, bytes, bytes], int] = {}
    for row, image in enumerate(store.image_index.tolist()):
        key = (image, store.keypoints[row].tobytes(), store.keypoints_visible[row].tobytes())
        other = first_of.setdefault(key, row)
        if other != row:
            found = f'the keypoints of {split.entry(other)} again'
            expected = 'one annotation of an instance'
            split.report_instance('duplicate_annotation', row, found, expected)


def _distance_outside(
    points: NDArray[np.float64], low: NDArray[np.float64] | float, high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns how far points (N, K, 2) are outside low..high along the worse axis (N, K)."""
    return np.maximum(np.maximum(low - points, points - high), 0).max(axis=2)


def _report_points(
    split: Split,
    kind: str,
    bad: NDArray[np.bool_],
    expected: str,
    place: Callable[[Split, int], str],
) -> None:
    """Adds one issue per instance with bad points (N, K)."""
    for row in np.flatnonzero(bad.any(axis=1)):
        first, *others = np.flatnonzero(bad[row])
        x, y = split.store.keypoints[row, first]
        more = f' and {len(others)} more' if others else ''
        point = f'{split.dataset_meta.keypoint_names[first]} at ({x:g}, {y:g})'
        split.report_instance(kind, row, f'{point}{more}; {place(split, row)}', expected)


def _box_text(split: Split, row: int) -> str:
    return f'box {[round(side, 1) for side in split.store.bbox_xywh[row].tolist()]}'


def _image_text(split: Split, row: int) -> str:
    return 'image {}x{} px'.format(*split.store.image_wh[split.store.image_index[row]])
