"""A movement as an animated glTF: a model, ours or a user's, that moves when it is opened."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from realtime_pose.ik.quaternions import continuous
from realtime_pose.model3d.glb import Glb
from realtime_pose.model3d.humanoid import build_humanoid
from realtime_pose.model3d.motion import Motion
from realtime_pose.model3d.rigged_model import RiggedModel, split_matrix


def animated_glb(motion: Motion, model: str | Path | None = None) -> Glb:
    """Returns a model with a movement.

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
    """Writes a model with a movement; see :func:`animated_glb`."""
    Path(path).write_bytes(animated_glb(motion, model).to_bytes())
