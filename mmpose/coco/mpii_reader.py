"""Reader of MPII annotation lists, for training and evaluation alike.

Coordinates in the files count pixels from 1, in the arrays from 0. Checked against five entries of
the shared ``mpii_*.json``; ``head_box`` [x1, y1, x2, y2] is what our converter adds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmpose.coco.columns import Columns, Floats
from mmpose.coco.json_file import read_json
from mmpose.coco.keypoint_arrays import HEAD_SIZE, KeypointGroundTruth

NUM_KEYPOINTS = 16
HEAD_BOX_TO_HEAD = 0.6
FIRST_PIXEL = 1  # of the official coordinates
WINDOW_SIDE = 200.0  # px that a person of scale 1 is high
CENTER_SHIFT = 15.0  # px per scale, down: the annotated centre is that of the torso
HAS_CENTER = 'has_center'


def read_mpii(
    path: Path, num_keypoints: int = NUM_KEYPOINTS, needs_labels: bool = False
) -> KeypointGroundTruth:
    """Persons of an MPII list, in its order.

    Args:
        path: List of ``{image, center, scale}`` and, unless it is a test file, ``joints`` (K
            pairs) and ``joints_vis`` (K numbers, 0 or 1).
        num_keypoints: K.
        needs_labels: Whether a test file is refused.

    Returns:
        One instance per entry: ``ann_id`` is the row, ``image_id`` the running number of the image
        name, the box a square of 200 times the scale. Among the extras: ``head_size`` (N,) px if
        the entries have a ``head_box``, and ``has_center`` (N,), False where the centre is
        (-1, -1), which means unknown. The file names are among the extras of the images.

    Raises:
        FileNotFoundError: If the list does not exist.
        TypeError, ValueError: If it is malformed; the message names the file, the entry and the
            field.
    """
    rows = _entries(path)
    num = len(rows.items)
    names = rows.values('image')
    good = np.array([isinstance(name, str) and bool(name) for name in names])
    rows.check(good, lambda row: f"field 'image' is {names[row]!r}", 'a file name')
    keypoints, keypoints_visible = _labels(rows, num_keypoints, needs_labels)
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    has_center, bbox_xywh = _boxes(rows)
    return KeypointGroundTruth(
        image_ids=np.arange(len(number_of)),
        category_ids=np.array([1]),
        ann_id=np.arange(num),
        image_id=np.array([number_of[name] for name in names]),
        category_id=np.ones(num, np.int64),
        keypoints=keypoints,
        keypoints_visible=keypoints_visible,
        area=bbox_xywh[:, 2] * bbox_xywh[:, 3],
        bbox_xywh=bbox_xywh,
        iscrowd=np.zeros(num, np.bool_),
        num_labelled=keypoints_visible.sum(axis=1),
        source=str(path),
        extras={HAS_CENTER: has_center, **_head_sizes(rows)},
        image_extras={'file_name': np.array(list(number_of))},
    )


def head_size_of_boxes(box_wh: Floats) -> Floats:
    """Length of a head by the size of its box: (N, 2) -> (N,), px."""
    return np.asarray(np.hypot(box_wh[:, 0], box_wh[:, 1]) * HEAD_BOX_TO_HEAD)


def check_head_sizes(sizes: Floats, where: str) -> None:
    """Raises a ValueError unless all lengths (N,) px are finite and above 0."""
    bad = ~(np.isfinite(sizes) & (sizes > 0))
    if bad.any():
        raise ValueError(
            f'{where} of entry {bad.argmax()} gives a head of {sizes[bad][0]} px, expected a '
            f'size > 0 ({bad.sum()} such entries)'
        )


def _entries(path: Path) -> Columns:
    content = read_json(path)
    expected = "expected a list of persons with 'image', 'center' and 'scale'"
    if isinstance(content, dict) and content:
        raise ValueError(
            f"{path} is an object with '{next(iter(content))}', {expected}; is it a COCO file? "
            "Then set dataset.type='CocoDataset'"
        )
    if not isinstance(content, list):
        raise ValueError(f'{path}: not an MPII annotation file; {expected}, found {content!r:.40}')
    if not content:
        raise ValueError(f'{path} is an empty list; there is nothing to train or test on')
    for row, entry in enumerate(content):
        if not isinstance(entry, dict):
            kind = type(entry).__name__
            raise TypeError(f'{path}: entry {row} is a {kind}, expected an object')
    return Columns(path, 'entry', content, numbers=range(len(content)))


def _labels(rows: Columns, num_keypoints: int, needs_labels: bool) -> tuple[Floats, np.ndarray]:
    """Keypoints (N, K, 2), px from 0, and whether they are labelled (N, K); none in a test file."""
    has_some = needs_labels or 'joints' in rows.items[0]
    if not needs_labels:
        for row, item in enumerate(rows.items):
            if has_some != ('joints' in item) or has_some != ('joints_vis' in item):
                raise TypeError(
                    f"{rows.path}: entry {row}: expected both 'joints' and 'joints_vis' in every "
                    f'entry, or neither in any (a test set); it has {sorted(item)}'
                )
    if not has_some:
        shape = (len(rows.items), num_keypoints)
        return np.zeros((*shape, 2)), np.zeros(shape, np.bool_)
    keypoints = rows.tables('joints', (num_keypoints, 2)) - FIRST_PIXEL
    flags = rows.lists('joints_vis', num_keypoints)

    def found(row: int) -> str:
        return f"field 'joints_vis' is {flags[row].tolist()}"

    rows.check(((flags == 0) | (flags == 1)).all(axis=1), found, 'zeros and ones')
    return keypoints, flags > 0


def _boxes(rows: Columns) -> tuple[np.ndarray, Floats]:
    """Whether the centre is known (N,), and the square boxes of the persons (N, 4), px from 0."""
    center, scale = rows.lists('center', 2), rows.numbers('scale')

    def found(row: int) -> str:
        return f"fields 'center' and 'scale' are {center[row].tolist()} and {scale[row]:g}"

    good = np.isfinite(center).all(axis=1) & np.isfinite(scale) & (scale > 0)
    rows.check(good, found, 'finite numbers and a scale > 0')
    side = WINDOW_SIDE * scale
    middle = center + np.stack([np.zeros_like(scale), CENTER_SHIFT * scale], axis=1) - FIRST_PIXEL
    return center[:, 0] != -1, np.column_stack([middle - side[:, None] / 2, side, side])


def _head_sizes(rows: Columns) -> dict[str, Floats]:
    """The head sizes (N,) px under their name, or nothing if they are unknown."""
    has_box = np.array(['head_box' in item for item in rows.items])
    if not has_box.any():
        return {}
    found = "field 'head_box' is missing, but other entries have one"
    rows.check(has_box, lambda row: found, 'one in each')
    corners = rows.lists('head_box', 4)
    sizes = head_size_of_boxes(corners[:, 2:] - corners[:, :2])
    check_head_sizes(sizes, f"{rows.path}: field 'head_box'")
    return {HEAD_SIZE: sizes}
