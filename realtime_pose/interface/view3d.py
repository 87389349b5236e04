"""3D view in the browser: a skinned model posed like the people, drawn by ``view3d.js``."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from realtime_pose.communication.message import Person
from realtime_pose.ik.quaternions import IDENTITY
from realtime_pose.ik.rig import BONE_NAMES
from realtime_pose.model3d.humanoid import HUMANOID_FILE
from realtime_pose.model3d.rigged_model import RiggedModel
from realtime_pose.model3d.skin import Skin

MAX_PEOPLE = 3
HEIGHT = 400  # px
DIGITS = 4  # of a matrix, a tenth of a millimetre
CSS = f'canvas {{ width: 100%; height: {HEIGHT}px; display: block; touch-action: none }}'


@lru_cache(maxsize=4)
def skin_of(file: Path = HUMANOID_FILE, is_bare: bool = False) -> Skin:
    """Returns the mesh of a .glb or .vrm file, or of its bones only; cached.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no humanoid skeleton, or a mesh that cannot be shown.
    """
    model = RiggedModel.load(file)
    return Skin.of_bones(model) if is_bare else Skin.of_model(model)


def show_mesh(skin: Skin, no_webgl: str) -> None:
    """Renders the 3D view with a mesh.

    Args:
        skin: The mesh.
        no_webgl: Text to show where the browser has no WebGL.
    """
    _component(f'<style>{CSS}</style><canvas></canvas>')(
        key='view3d', data={'mesh': mesh_data(skin), 'no_webgl': no_webgl}
    )


def show_people(skin: Skin, people: Sequence[Person]) -> None:
    """Updates the poses of people in the 3D view; to be called in a fragment."""
    _component('', 'people')(
        key='people3d', data={'id': mesh_data(skin)['id'], 'people': poses(skin, people)}
    )


def poses(skin: Skin, people: Sequence[Person]) -> list[list[float]]:
    """Returns the bone matrices, row by row, of the first people who have rotations.

    People are ordered from left to right in the image.
    """
    found = []
    for person in sorted(people, key=lambda person: float(person.bbox_xywh[0])):
        if person.rotations is None or person.root is None:
            continue
        rotations = np.stack([person.rotations.get(name, IDENTITY) for name in BONE_NAMES])
        matrices = skin.matrices(rotations, np.asarray(person.root))
        found.append(np.round(matrices, DIGITS).ravel().tolist())
    return found[:MAX_PEOPLE]


@lru_cache(maxsize=4)
def mesh_data(skin: Skin) -> dict[str, Any]:
    """Returns a mesh in the encoding of ``view3d.js``."""
    weights = np.round(255 * skin.weights)
    weights[:, 0] += 255 - weights.sum(axis=1)  # the rounding error goes to the main bone
    arrays = {
        'point': skin.points.astype('<f4'),
        'normal': np.round(127 * skin.normals()).astype('i1'),
        'color': np.round(255 * skin.colors).astype('u1'),
        'bone': skin.bones.astype('u1'),
        'weight': weights.astype('u1'),
        'triangles': skin.triangles.astype('<u4'),
    }
    coded = {name: base64.b64encode(x.tobytes()).decode('ascii') for name, x in arrays.items()}
    return {'id': sha256(''.join(coded.values()).encode()).hexdigest(), **coded}


def _component(html: str, name: str = 'view') -> Any:
    import streamlit as st

    script = Path(__file__).with_suffix('.js').read_text(encoding='utf-8')
    return st.components.v2.component(f'realtime_pose_{name}', html=html or None, js=script)
