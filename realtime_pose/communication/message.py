"""Message format, version 2: one message per frame, with all people in it.

``message.schema.json`` beside this file describes the same as a JSON schema. Points are (x, y) img
px; positions are metres in the frame of the rig (:mod:`realtime_pose.ik.rig`): x to the left of a
person who faces us, y up, z towards us; from several cameras in the world of their calibration,
turned so that y is up. Quaternions are (x, y, z, w).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.communication.strict_json import dump_json

SCHEMA = 'realtime_pose/2'
# Digits behind the point: 0.01 px, 0.1 mm, 1e-6 of a quaternion (2e-6 rad), a microsecond.
PIXEL_DIGITS, METRE_DIGITS, QUATERNION_DIGITS, TIME_DIGITS = 2, 4, 6, 6

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Person:
    """Person of a message, with K keypoints in the order of the message's skeleton.

    Attributes:
        id: Track id.
        score: Confidence of the person.
        bbox_xywh: (4,), img px.
        keypoints: (K, 2), img px. NaN where unknown.
        scores: (K,). Confidence of each keypoint.
        joints_3d: (K, 3), m. NaN where unknown; None without 3D.
        method_3d: Method of ``joints_3d``, such as ``bone_lengths (approximate)`` or
            ``triangulated (exact)``; None without 3D.
        rotations: Bone name -> (4,) local rotation of the rig relative to its rest pose.
        root: (3,), m. Position of the bone ``hips``; given with ``rotations``.
        sigma_px: (K,), img px. Standard deviation of each keypoint along an axis; None, like the
            next, of models that do not say it.
        visibility: (K, 3). Probabilities of visible, occluded and outside the crop.
    """

    id: int
    score: float
    bbox_xywh: Array
    keypoints: Array
    scores: Array
    joints_3d: Array | None = None
    method_3d: str | None = None
    rotations: Mapping[str, Array] | None = None
    root: Array | None = None
    sigma_px: Array | None = None
    visibility: Array | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the person in the fields of the schema."""
        # JSON has as many digits as float64 needs: 0.9 of float32 would be 0.8999999761581421.
        pixels = np.asarray(self.keypoints, np.float64)
        scores = np.asarray(self.scores, np.float64)
        points = np.column_stack([np.round(pixels, PIXEL_DIGITS), np.round(scores, 4)])
        said = {
            'sigma_px': _rounded(self.sigma_px, PIXEL_DIGITS),
            'visibility': _rounded(self.visibility, 4),
        }
        return {
            'id': int(self.id),
            'score': round(float(self.score), 4),
            'bbox': _rounded(self.bbox_xywh, PIXEL_DIGITS),
            'keypoints': points,
            'keypoints_3d': _rounded(self.joints_3d, METRE_DIGITS),
            'method_3d': self.method_3d,
            'rotations': None
            if self.rotations is None
            else {
                name: _rounded(rotation, QUATERNION_DIGITS)
                for name, rotation in self.rotations.items()
            },
            'root': _rounded(self.root, METRE_DIGITS),
            **{name: values for name, values in said.items() if values is not None},
        }


@dataclass(frozen=True, eq=False)
class PoseMessage:
    """Message of a frame.

    Attributes:
        seq: Sequence number of the message in its stream; a gap is a lost message.
        frame_id: Sequence number of the frame in its source; has gaps where frames are dropped.
        t_capture: Time of capture, Unix seconds.
        t_sent: Time of sending, Unix seconds.
        source: Name of the camera or file.
        size_wh: (2,) width and height of the frame, px.
        skeleton: Name of the skeleton of all people, as ``load_metainfo`` takes it.
        people: People in no particular order; may be empty.
        stats: Numbers, texts or None about the pipeline, such as ``fps``.
    """

    seq: int
    frame_id: int
    t_capture: float
    t_sent: float
    source: str
    size_wh: tuple[int, int]
    skeleton: str = 'coco'
    people: tuple[Person, ...] = ()
    stats: Mapping[str, float | str | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the message in the fields of the schema."""
        return {
            'schema': SCHEMA,
            'seq': int(self.seq),
            'frame_id': int(self.frame_id),
            't_capture': round(float(self.t_capture), TIME_DIGITS),
            't_sent': round(float(self.t_sent), TIME_DIGITS),
            'source': self.source,
            'size': [int(side) for side in self.size_wh],
            'skeleton': self.skeleton,
            'people': [person.to_dict() for person in self.people],
            'stats': self.stats,
        }

    def to_json(self) -> str:
        """Returns the message as one line of JSON without NaN or Infinity."""
        return dump_json(self.to_dict())


def _rounded(values: Array | None, digits: int) -> Array | None:
    return None if values is None else np.round(np.asarray(values, np.float64), digits)
