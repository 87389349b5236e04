"""Reader of MPII annotation lists, and of the head sizes of the validation set."""

from __future__ import annotations

import warnings
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import Json, number, numbers, table
from mmpose.coco.json_stream import stream_json
from mmpose.datasets.annotations import AnnotationStore
from mmpose.evaluation.functional import KeypointGroundTruth
from mmpose.evaluation.functional.keypoint_errors import HEAD_SIZE
from mmpose.evaluation.functional.mpii import (
    FIRST_PIXEL,
    WINDOW_SIDE,
    head_size_of_boxes,
    with_official_mat,
)
from mmpose.structures import DatasetMeta

CENTER_SHIFT = 15.0  # px per scale, down: the annotated centre is that of the torso
MAX_MEDIAN_DISTANCE = 5.0  # px; the two files of one set agree far better, others not at all


def read_mpii(path: Path, dataset_meta: DatasetMeta) -> AnnotationStore:
    """Returns the persons of an MPII list in its order.

    Coordinates in the file count pixels from 1, in the store from 0. Checked against five entries
    of the shared ``mpii_*.json``; ``head_box`` [x1, y1, x2, y2] is what our converter adds.

    Args:
        path: List of ``{image, center, scale}`` and, unless it is a test file, ``joints`` (K
            pairs) and ``joints_vis`` (K numbers, 0 or 1).
        dataset_meta: The skeleton.

    Raises:
        FileNotFoundError: If the list does not exist.
        TypeError, ValueError: If it is malformed; the message names the file, the entry and the
            field.
    """
    people = _People(path, dataset_meta)
    for section, entry in stream_json(path):
        if section:
            raise ValueError(
                f"{path} is an object with '{section}', expected a list of persons with 'image', "
                "'center' and 'scale'; is it a COCO file? Then set dataset.type='CocoDataset'"
            )
        people.add(entry)
    return people.pack()


class _People:
    """The entries of the list as columns."""

    def __init__(self, path: Path, dataset_meta: DatasetMeta) -> None:
        self.path = path
        self.dataset_meta = dataset_meta
        self.images: dict[str, int] = {}
        self.image_index = array('i')
        self.rows = array('q')
        self.boxes = array('d')
        self.joints: list[NDArray[np.float64]] = []
        self.keypoints_visible: list[list[float]] = []
        self.head_boxes: dict[int, list[float]] = {}
        self.num_entries = 0
        self.has_joints = False
        self.unplaced = array('q')

    def add(self, entry: object) -> None:
        row, where = self.num_entries, f'{self.path}: entry {self.num_entries}'
        self.num_entries += 1
        if not isinstance(entry, dict):
            raise TypeError(f'{where} is a {type(entry).__name__}, expected an object')
        name = entry.get('image')
        if not isinstance(name, str) or not name:
            raise TypeError(f"{where}: field 'image' is {name!r}, expected a file name")
        box = _box(entry, where)
        self._add_joints(entry, where)
        if 'head_box' in entry:
            self.head_boxes[len(self.rows)] = numbers(entry, 'head_box', where, 4)
        if box is None:
            self.unplaced.append(row)
            box = (0.0, 0.0, 0.0, 0.0)
        self.boxes.extend(box)
        self.rows.append(row)
        self.image_index.append(self.images.setdefault(name, len(self.images)))

    def _add_joints(self, entry: Json, where: str) -> None:
        num = self.dataset_meta.num_keypoints
        has_joints = 'joints' in entry
        if not self.rows:
            self.has_joints = has_joints
        if has_joints != self.has_joints or has_joints != ('joints_vis' in entry):
            raise TypeError(
                f"{where}: expected both 'joints' and 'joints_vis' in every entry, or neither in "
                f'any (a test set); it has {sorted(entry)}'
            )
        if not has_joints:
            self.joints.append(np.zeros((num, 2)))
            self.keypoints_visible.append([0] * num)
            return
        self.joints.append(table(entry, 'joints', where, (num, 2)))
        keypoints_visible = numbers(entry, 'joints_vis', where, num)
        if not set(keypoints_visible) <= {0, 1}:
            raise ValueError(
                f"{where}: field 'joints_vis' is {keypoints_visible}, expected zeros and ones"
            )
        self.keypoints_visible.append(keypoints_visible)

    def pack(self) -> AnnotationStore:
        if not self.rows:
            raise ValueError(f'{self.path} is an empty list; there is nothing to train or test on')
        joints, keypoints_visible = np.stack(self.joints), np.array(self.keypoints_visible) > 0
        head_sizes = self._head_sizes()
        keep = np.ones(len(joints), bool)
        keep[np.asarray(self.unplaced, np.int64)] = False
        if not keep.all():
            warnings.warn(
                f'{self.path}: left out {(~keep).sum()} of {len(keep)} entries whose center is '
                f'(-1, -1), which means unknown, first entry {keep.argmin()}',
                stacklevel=2,
            )
        if not keep.any():
            raise ValueError(f"{self.path}: no entry has a known 'center'")
        count = len(self.images)
        return AnnotationStore.pack(
            file_names=list(self.images),
            image_ids=np.arange(count),
            image_wh=np.zeros((count, 2)),
            image_index=np.asarray(self.image_index)[keep],
            bbox_xywh=np.asarray(self.boxes).reshape(-1, 4)[keep],
            keypoints=np.where(keypoints_visible[..., None], joints - FIRST_PIXEL, 0)[keep],
            keypoints_visible=2 * keypoints_visible[keep],
            ann_ids=np.asarray(self.rows)[keep],
            extras={name: array[keep] for name, array in head_sizes.items()},
        )

    def _head_sizes(self) -> dict[str, NDArray[np.float32]]:
        """Returns the head sizes (N,) px under their name, or nothing if they are unknown."""
        if not self.head_boxes:
            return {}
        if len(self.head_boxes) < len(self.rows):
            missing = min(set(range(len(self.rows))) - self.head_boxes.keys())
            raise TypeError(
                f"{self.path}: entry {missing}: field 'head_box' is missing, but other entries "
                'have one'
            )
        corners = np.array([self.head_boxes[i] for i in range(len(self.rows))], np.float64)
        sizes = head_size_of_boxes(corners[:, 2:] - corners[:, :2])
        _check_head_sizes(sizes, f"{self.path}: field 'head_box'")
        return {HEAD_SIZE: sizes.astype(np.float32)}


def _box(entry: Json, where: str) -> tuple[float, float, float, float] | None:
    """Returns the square box of a person, px from 0, or None if the centre is unknown."""
    x, y = numbers(entry, 'center', where, 2)
    scale = number(entry, 'scale', where)
    if not np.isfinite([x, y, scale]).all() or scale <= 0:
        raise ValueError(
            f"{where}: fields 'center' and 'scale' are {[x, y]} and {scale}, expected finite "
            'numbers and a scale > 0'
        )
    if x == -1:
        return None
    side = WINDOW_SIDE * scale
    left, top = x - FIRST_PIXEL - side / 2, y + CENTER_SHIFT * scale - FIRST_PIXEL - side / 2
    return left, top, side, side


def with_head_sizes(truth: KeypointGroundTruth, mat_file: Path) -> KeypointGroundTruth:
    """Adds the head sizes of ``mpii_gt_val.mat``, if that is of the same persons.

    Args:
        truth: Persons of an annotation file; ``ann_id`` is the row in it.
        mat_file: The official file, in its folder.

    Returns:
        The same ground truth with ``head_size`` among its extras; unchanged if the official file
        is of another set, or cannot be read because scipy is missing (PCKh, which cannot do
        without, says so).

    Raises:
        ValueError: If the official file is damaged, or has as many persons but not these.
    """
    try:
        from scipy.io import whosmat
    except ImportError:
        return truth
    try:
        shapes = {name: shape for name, shape, _ in whosmat(str(mat_file))}
    except (ValueError, TypeError, OSError, NotImplementedError, EOFError) as error:
        raise ValueError(f'{mat_file} is not a readable MATLAB file: {error}') from error
    if shapes.get('headboxes_src', (0,))[-1] != truth.ann_id.max() + 1:
        return truth
    official = with_official_mat(truth, mat_file)
    both = truth.keypoints_visible & official.keypoints_visible
    distance = np.linalg.norm(truth.keypoints - official.keypoints, axis=-1)[both]
    if len(distance) and np.median(distance) > MAX_MEDIAN_DISTANCE:
        raise ValueError(
            f'{truth.source} and {mat_file} hold as many persons, but not the same: their joints '
            f'are {np.median(distance):.0f} px apart in the median; give files of one set'
        )
    sizes = official.extras[HEAD_SIZE]
    _check_head_sizes(sizes, f"{mat_file}: 'headboxes_src'")
    return replace(truth, extras={**truth.extras, HEAD_SIZE: sizes})


def _check_head_sizes(sizes: NDArray[np.floating], where: str) -> None:
    bad = ~(np.isfinite(sizes) & (sizes > 0))
    if bad.any():
        raise ValueError(
            f'{where} of entry {bad.argmax()} gives a head of {sizes[bad][0]} px, expected a '
            f'size > 0 ({bad.sum()} such entries)'
        )
