"""Cameras and 3-D joints of InterHand2.6M."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import Json, numbers, table
from mmpose.coco.json_stream import stream_json

HAND_JOINTS = 21  # the last one is the wrist, the root
NUM_JOINTS = 2 * HAND_JOINTS  # the right hand, then the left one
DEPTH_EPSILON = 1e-8

Key = tuple[str, str]  # capture and camera, or capture and frame


@dataclass(frozen=True, eq=False)
class Cameras:
    """C cameras of all captures.

    Attributes:
        rows: Row of each (capture, camera).
        position: (C, 3), mm, world.
        rotation: (C, 3, 3), world to camera.
        focal: (C, 2), px.
        center: (C, 2), px. The principal point.
        path: The file, for messages.
    """

    rows: dict[tuple[str, str], int]
    position: NDArray[np.float64]
    rotation: NDArray[np.float64]
    focal: NDArray[np.float64]
    center: NDArray[np.float64]
    path: Path

    def project(self, world: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns points (N, J, 3), mm in the world, as (N, J, 2) img px of cameras ``rows``."""
        centered = world - self.position[rows, None]
        # (N, 3, 3), (N, J, 3) -> (N, J, 3): R x for every joint
        camera = np.einsum('nab,njb->nja', self.rotation[rows], centered)
        depth = camera[..., 2:] + DEPTH_EPSILON
        return camera[..., :2] / depth * self.focal[rows, None] + self.center[rows, None]


@dataclass(frozen=True, eq=False)
class WorldPoses:
    """F frames of all captures.

    Attributes:
        rows: Row of each (capture, frame).
        joints: (F, 42, 3) float32, mm, world. Right hand, then left.
        is_valid: (F, 42) bool.
        path: The file, for messages.
    """

    rows: dict[tuple[str, str], int]
    joints: NDArray[np.float32]
    is_valid: NDArray[np.bool_]
    path: Path


def read_cameras(path: Path) -> Cameras:
    """Returns the cameras of ``InterHand2.6M_SPLIT_camera.json``."""
    rows: dict[tuple[str, str], int] = {}
    columns: dict[str, list[Any]] = {'campos': [], 'camrot': [], 'focal': [], 'princpt': []}
    for capture, item in _captures(path, 'camera'):
        where = f'{path}: capture {capture}'
        fields = {key: _object(item.get(key), f"{where}: field '{key}'") for key in columns}
        for camera in fields['campos']:
            rows[capture, camera] = len(rows)
            for key, found in fields.items():
                here = f"{where}: field '{key}'"
                if key == 'camrot':
                    value: Any = table(found, camera, here, (3, 3))
                else:
                    value = numbers(found, camera, here, 3 if key == 'campos' else 2)
                if not np.isfinite(value).all():
                    raise ValueError(f"{here}: camera '{camera}' holds NaN or infinity")
                columns[key].append(value)
    if not rows:
        raise ValueError(f'{path} lists no camera')
    arrays = {key: np.array(values, np.float64) for key, values in columns.items()}
    return Cameras(
        rows, arrays['campos'], arrays['camrot'], arrays['focal'], arrays['princpt'], path
    )


def read_joints(path: Path) -> WorldPoses:
    """Returns the poses of ``InterHand2.6M_SPLIT_joint_3d.json``, a capture at a time."""
    rows: dict[tuple[str, str], int] = {}
    joints = array('f')
    is_valid = array('B')
    for capture, frames in _captures(path, 'joint'):
        for frame, item in frames.items():
            where = f'{path}: capture {capture}: frame {frame}'
            item = _object(item, where)
            world = table(item, 'world_coord', where, (NUM_JOINTS, 3))
            joints.frombytes(world.astype(np.float32).tobytes())
            is_valid.extend(joint_flags(item, where))
            rows[capture, frame] = len(rows)
    if not rows:
        raise ValueError(f'{path} lists no frame')
    return WorldPoses(
        rows,
        np.frombuffer(joints, np.float32).reshape(-1, NUM_JOINTS, 3),
        np.frombuffer(is_valid, np.uint8).reshape(-1, NUM_JOINTS) > 0,
        path,
    )


def _captures(path: Path, what: str) -> Iterator[tuple[str, Json]]:
    for capture, item in stream_json(path):
        if not capture or not isinstance(item, dict):
            raise ValueError(
                f'{path} is not an object of captures; is it the {what} file of InterHand2.6M? '
                f'Then dataset.{what}_file is right, and the file is not'
            )
        yield capture, item


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise TypeError(f'{where} is {value!r:.80}, expected an object')
    return value


def joint_flags(item: Json, where: str) -> list[int]:
    """Returns the 42 values of ``joint_valid``, which is a list of lists of one."""
    values = item.get('joint_valid')
    flat = (
        [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
        if isinstance(values, list)
        else []
    )
    if len(flat) != NUM_JOINTS or not all(value in (0, 1) for value in flat):
        raise TypeError(
            f"{where}: field 'joint_valid' is {values!r:.80}, expected {NUM_JOINTS} zeros and ones"
        )
    return flat
