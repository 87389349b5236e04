"""Reader of the three annotation files of InterHand2.6M: packed arrays of single hands."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.columns import Columns
from mmpose.coco.image_table import ImageTable
from mmpose.coco.json_stream import stream_batches
from mmpose.datasets.annotations import AnnotationStore
from mmpose.datasets.interhand_world import (
    HAND_JOINTS,
    NUM_JOINTS,
    Cameras,
    Key,
    WorldPoses,
    joint_flags,
    read_cameras,
    read_joints,
)
from mmpose.structures import DatasetMeta

MORE_VALID_JOINTS_THAN = 11  # a hand with no more is left out, as in the published loader
CHUNK = 1 << 14  # annotations projected at a time; bounds the memory


def read_interhand(
    path: Path, camera_file: Path, joint_file: Path, dataset_meta: DatasetMeta
) -> AnnotationStore:
    """Returns the hands of InterHand2.6M: right, then left, of each annotation; by image.

    Joints are the world coordinates of ``joint_file``, moved into the camera by R (X - t) and onto
    the image by f x / z + c. A joint is valid if both files say so and the wrist of its hand is
    valid; a hand with 11 or fewer valid joints is left out; its box is the tight one around the
    valid joints. Checked against four images of the official files.

    Args:
        path: ``images`` (id, file_name, width, height, capture, camera, frame_idx) and
            ``annotations`` (id, image_id, joint_valid).
        camera_file: By capture: ``campos``, ``camrot``, ``focal`` and ``princpt`` by camera.
        joint_file: By capture, then by frame: ``world_coord`` (mm) and ``joint_valid``.
        dataset_meta: The skeleton of one hand, 21 keypoints.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError, ValueError: If one is malformed or they do not fit together; the message names
            the file, the entry and the field.
    """
    if dataset_meta.num_keypoints != HAND_JOINTS:
        raise ValueError(
            f"dataset.metainfo '{dataset_meta.name}' has {dataset_meta.num_keypoints} "
            f"keypoints, expected the {HAND_JOINTS} of 'interhand2d'"
        )
    shots = _Shots(path)
    for section, items in stream_batches(path):
        if section == 'images':
            shots.add_images(items)
        elif section == 'annotations':
            shots.add_annotations(items)
        elif not section:
            raise ValueError(
                f"{path} is a list, expected an object with 'images' and 'annotations'"
            )
    shots.check()
    cameras, poses = read_cameras(camera_file), read_joints(joint_file)
    rows = shots.images.find_all(shots.image_ids.tolist(), path, 'annotations')
    hands = list(_project(shots, rows, cameras, poses))
    return _pack(shots, hands)


class _Shots:
    """Images and annotations of the data file as columns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images = ImageTable(path)
        # Each key once, in the order of first appearance, and its number for each image.
        self.camera_keys: dict[Key, int] = {}
        self.frame_keys: dict[Key, int] = {}
        self.cameras = array('q')
        self.frames = array('q')
        self.ids = array('q')
        self.image_ids = array('q')
        self.flags = array('B')

    def add_images(self, items: Sequence[Any]) -> None:
        rows = self.images.add(items)
        rows.integers('id')
        captures, cameras, frames = map(rows.values, ('capture', 'camera', 'frame_idx'))
        for key, values in (('capture', captures), ('camera', cameras), ('frame_idx', frames)):
            good = np.array([isinstance(value, int | str) for value in values], np.bool_)
            rows.check(good, partial(_words, key, values), 'a number or name')
        for capture, camera, frame in zip(captures, cameras, frames, strict=True):
            keys = self.camera_keys
            self.cameras.append(keys.setdefault((str(capture), str(camera)), len(keys)))
            keys = self.frame_keys
            self.frames.append(keys.setdefault((str(capture), str(frame)), len(keys)))

    def add_annotations(self, items: Sequence[Any]) -> None:
        rows = Columns(self.path, 'annotation', items)
        self.ids.extend(rows.integers('id').tolist())
        self.image_ids.extend(rows.integers('image_id').tolist())
        for row, ann in enumerate(rows.items):
            self.flags.extend(joint_flags(ann, f'{self.path}: {rows.name(row)}'))

    def check(self) -> None:
        for name, column in (('images', self.cameras), ('annotations', self.ids)):
            if not column:
                raise ValueError(f"{self.path}: field '{name}' is missing or empty")
        found, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f'{self.path}: annotation id {found[counts > 1][0]} occurs {counts.max()} times'
            )


def _words(key: str, values: Sequence[Any], row: int) -> str:
    return f"field '{key}' is {values[row]!r}"


@dataclass(frozen=True, eq=False)
class _Hands:
    """Kept hands of one side of a chunk: keypoints (M, 21, 2), visible (M, 21), boxes (M, 4)."""

    image_index: NDArray[np.int64]
    ann_ids: NDArray[np.int64]
    keypoints: NDArray[np.float32]
    keypoints_visible: NDArray[np.bool_]
    bbox_xywh: NDArray[np.float64]


def _project(
    shots: _Shots, rows: NDArray[np.int64], cameras: Cameras, poses: WorldPoses
) -> Iterator[_Hands]:
    flags = np.frombuffer(shots.flags, np.uint8).reshape(-1, NUM_JOINTS)
    ids = np.asarray(shots.ids)
    camera_rows = _look_up(shots, rows, np.asarray(shots.cameras), cameras)
    pose_rows = _look_up(shots, rows, np.asarray(shots.frames), poses)
    for start in range(0, len(ids), CHUNK):
        part = slice(start, start + CHUNK)
        world = poses.joints[pose_rows[part]].astype(np.float64)
        points = cameras.project(world, camera_rows[part])
        valid = (flags[part] > 0) & poses.is_valid[pose_rows[part]]
        for side in (0, 1):
            own = slice(side * HAND_JOINTS, (side + 1) * HAND_JOINTS)
            yield _hands(rows[part], 2 * ids[part] + side, points[:, own], valid[:, own])


def _look_up(
    shots: _Shots, rows: NDArray[np.int64], codes: NDArray[np.int64], found: Cameras | WorldPoses
) -> NDArray[np.int64]:
    """Returns the rows in ``found`` of the cameras or frames of the images in ``rows``."""
    keys = shots.camera_keys if isinstance(found, Cameras) else shots.frame_keys
    what = 'camera' if isinstance(found, Cameras) else 'frame'
    there = np.array([found.rows.get(key, -1) for key in keys], np.int64)[codes[rows]]
    if len(there) and there.min() < 0:
        row = rows[there.argmin()]
        capture, name = list(keys)[codes[row]]
        raise ValueError(
            f'{shots.path}: image {shots.images.ids[row]} is of capture {capture} and {what} '
            f'{name}, which {found.path} does not list; give three files of the same split'
        )
    return there


def _hands(
    rows: NDArray[np.int64],
    ann_ids: NDArray[np.int64],
    points: NDArray[np.float64],
    valid: NDArray[np.bool_],
) -> _Hands:
    keypoints_visible = valid & valid[:, -1:]  # nothing is known about a hand without its root
    keep = keypoints_visible.sum(axis=1) > MORE_VALID_JOINTS_THAN
    points, keypoints_visible = points[keep], keypoints_visible[keep]
    seen = keypoints_visible[..., None]
    first = np.where(seen, points, np.inf).min(axis=1, initial=np.inf)
    last = np.where(seen, points, -np.inf).max(axis=1, initial=-np.inf)
    return _Hands(
        image_index=rows[keep],
        ann_ids=ann_ids[keep],
        keypoints=np.where(seen, points, 0).astype(np.float32),
        keypoints_visible=keypoints_visible,
        bbox_xywh=np.concatenate([first, last - first], axis=1),
    )


def _pack(shots: _Shots, hands: list[_Hands]) -> AnnotationStore:
    columns = {
        name: np.concatenate([getattr(hand, name) for hand in hands])
        for name in ('image_index', 'ann_ids', 'keypoints', 'keypoints_visible', 'bbox_xywh')
    }
    if not len(columns['ann_ids']):
        raise ValueError(
            f'{shots.path}: no hand has more than {MORE_VALID_JOINTS_THAN} valid joints; there is '
            'nothing to train or test on'
        )
    order = np.lexsort((columns['ann_ids'], columns['image_index']))
    columns = {name: values[order] for name, values in columns.items()}
    columns['keypoints_visible'] = 2 * columns['keypoints_visible'].astype(np.uint8)
    return AnnotationStore.pack(**shots.images.columns(), **columns)
