"""Motion of the rig at a constant frame rate, and its export as animated glTF."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.communication.message import Person, PoseMessage
from realtime_pose.ik.body_joints import BodyJoints
from realtime_pose.ik.body_size import measure_body
from realtime_pose.ik.quaternions import IDENTITY, continuous, slerp
from realtime_pose.ik.rig import BONE_NAMES, Rig
from realtime_pose.model3d.glb import Glb
from realtime_pose.model3d.humanoid import build_humanoid
from realtime_pose.model3d.rigged_model import RiggedModel, split_matrix

Array = NDArray[np.float64]

MAX_FPS = 240.0


@dataclass(frozen=True, eq=False)
class Motion:
    """Sequence of T poses of one person.

    Attributes:
        rig: Bones with the lengths of the person.
        fps: Frames per second.
        rotations: (T, B, 4) local, without jumps of sign.
        roots: (T, 3), m. Positions of ``hips``.
    """

    rig: Rig
    fps: float
    rotations: Array
    roots: Array

    @property
    def times(self) -> Array:
        """Seconds (T,) from the first frame."""
        return np.arange(len(self.roots)) / self.fps


def motion_of(
    messages: Iterable[PoseMessage], person_id: int | None = None, fps: float | None = None
) -> Motion:
    """Returns the motion of one person in a recording.

    Frames in which the person is missing are filled in between their neighbours. Bones get the
    lengths that the 3D joints of the recording show, or average ones without.

    Args:
        messages: In the order of time.
        person_id: Whom; None takes the one who is there longest.
        fps: Frame rate to sample at; None takes that of the recording.

    Raises:
        ValueError: If no person, or not the requested one, has rotations in two frames or more.
    """
    found = [
        (message.t_capture, message.skeleton, person)
        for message in messages
        for person in message.people
        if person.rotations is not None
    ]
    counts = Counter(person.id for _, _, person in found)
    if person_id is None and counts:
        person_id = min(counts, key=lambda key: (-counts[key], key))
    rows = [row for row in found if row[2].id == person_id]
    rows = [row for i, row in enumerate(rows) if i == 0 or row[0] > rows[i - 1][0]]
    if len(rows) < 2:
        raise ValueError(
            f'person {person_id} has rotations in {len(rows)} frames, an animation needs 2; people '
            f'with rotations: {sorted(counts) or "none"}'
        )
    times = np.array([row[0] for row in rows]) - rows[0][0]
    rate = fps or float(np.clip(1 / np.median(np.diff(times)), 1, MAX_FPS))
    # A whole number of frames; half of one may be missing at the end.
    wanted = np.arange(int(times[-1] * rate + 0.5) + 1) / rate
    rotations = np.stack([_stacked(person) for _, _, person in rows])
    roots = np.stack([np.asarray(person.root, np.float64) for _, _, person in rows])
    last = np.clip(np.searchsorted(times, wanted, side='right') - 1, 0, len(times) - 2)
    share = np.clip((wanted - times[last]) / (times[last + 1] - times[last]), 0, 1)
    sampled = slerp(rotations[last], rotations[last + 1], share[:, None])
    return Motion(
        _rig_of([(skeleton, person) for _, skeleton, person in rows]),
        rate,
        continuous(sampled),
        roots[last] + share[:, None] * (roots[last + 1] - roots[last]),
    )


def _stacked(person: Person) -> Array:
    assert person.rotations is not None
    return np.stack([person.rotations.get(name, IDENTITY) for name in BONE_NAMES])


def _rig_of(rows: list[tuple[str, Person]]) -> Rig:
    skeleton = rows[0][0]
    measured = [p.joints_3d for name, p in rows if name == skeleton and p.joints_3d is not None]
    if not measured:
        return Rig.default()
    return Rig.from_proportions(measure_body(np.stack(measured), BodyJoints.of_skeleton(skeleton)))


def animated_glb(motion: Motion, model: str | Path | None = None) -> Glb:
    """Returns a model animated by a motion.

    Args:
        motion: At least two frames.
        model: A .glb or .vrm file with a humanoid skeleton; None builds our humanoid with the
            bone lengths of the person.

    Raises:
        FileNotFoundError: If the model is missing.
        ValueError: If it is damaged or no humanoid.
    """
    if model is None:
        rigged = RiggedModel.of_glb(build_humanoid(motion.rig), motion.rig)
    else:
        rigged = RiggedModel.load(model, motion.rig)
    glb = Glb(copy.deepcopy(rigged.glb.content), bytearray(rigged.glb.binary))
    rotations, translation = rigged.pose(motion.rotations, motion.roots)
    time = glb.add_array(motion.times, 'SCALAR', has_bounds=True)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    tracks = [(node, 'rotation', continuous(values)) for node, values in sorted(rotations.items())]
    tracks.append((rigged.bones['hips'], 'translation', translation))
    for node, path, values in tracks:
        kind = 'VEC4' if path == 'rotation' else 'VEC3'
        output = glb.add_array(values, kind)
        channels.append({'sampler': len(samplers), 'target': {'node': node, 'path': path}})
        samplers.append({'input': time, 'output': output, 'interpolation': 'LINEAR'})
        split_matrix(glb.content['nodes'][node])
    glb.add('animations', {'name': 'motion', 'samplers': samplers, 'channels': channels})
    return glb


def write_animated_glb(motion: Motion, path: str | Path, model: str | Path | None = None) -> None:
    """Writes a model animated by a motion; see :func:`animated_glb`."""
    Path(path).write_bytes(animated_glb(motion, model).to_bytes())
