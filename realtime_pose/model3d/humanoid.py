"""Procedural low-poly humanoid, the shipped 3D model.

``python -m realtime_pose.model3d [FILE]`` writes it; the same version writes the same bytes. Every
part is a tube of elliptic rings whose points follow one bone, or two near a joint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.rig import BONE_INDEX, BONE_NAMES, PARENTS, Rig, rest_pose
from realtime_pose.model3d.glb import ARRAY_BUFFER, ELEMENT_BUFFER, Glb

Array = NDArray[np.float64]

HUMANOID_FILE = Path(__file__).with_name('humanoid.glb')
NUM_SIDES = 12
MATERIALS = {
    'skin': (0.80, 0.60, 0.47),
    'shirt': (0.16, 0.42, 0.62),
    'trousers': (0.22, 0.23, 0.28),
    'shoes': (0.10, 0.10, 0.11),
    'dark': (0.05, 0.04, 0.04),
}


@dataclass(frozen=True, eq=False)
class Tube:
    """Tube-shaped part of the body at rest.

    Attributes:
        material: Key of ``MATERIALS``.
        centres: (R, 3), m. Middle of each ring.
        radii: (R, 2), m. Half axes of each ring.
        sides: (2, 3). Directions of the half axes; their cross product points along the tube.
        chain: Bones that it follows, in order.
        bends: (C - 1,) m along the tube from its first ring. Where one bone hands over to the next.
        softness: m. Half the length over which it does.
    """

    material: str
    centres: Array
    radii: Array
    sides: Array
    chain: tuple[str, ...]
    bends: tuple[float, ...] = ()
    softness: float = 0.05

    def vertices(self) -> Array:
        """Returns the points: rings one after the other, then the middles of both ends."""
        angle = 2 * np.pi * np.arange(NUM_SIDES) / NUM_SIDES
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        rings = self.centres[:, None] + (self.radii[:, None] * circle) @ self.sides
        return np.concatenate([rings.reshape(-1, 3), self.centres[[0, -1]]])

    def triangles(self) -> NDArray[np.int64]:
        """Returns indices (F, 3), counter-clockwise seen from outside."""
        num_rings = len(self.centres)
        here = np.arange(NUM_SIDES)
        there = np.roll(here, -1)
        faces = []
        for ring in range(num_rings - 1):
            a, b = ring * NUM_SIDES + here, ring * NUM_SIDES + there
            faces += [np.stack([a, b, a + NUM_SIDES], -1)]
            faces += [np.stack([b, b + NUM_SIDES, a + NUM_SIDES], -1)]
        last, ends = (num_rings - 1) * NUM_SIDES, num_rings * NUM_SIDES
        faces.append(np.stack([there, here, np.full(NUM_SIDES, ends)], axis=-1))
        faces.append(np.stack([last + here, last + there, np.full(NUM_SIDES, ends + 1)], axis=-1))
        return np.concatenate(faces)

    def weights(self) -> Array:
        """Returns skinning weights (V, B) of the points and bones."""
        length = np.linalg.norm(np.diff(self.centres, axis=0), axis=-1)
        along = np.concatenate([[0], np.cumsum(length)])
        passed = np.array([_smooth((along - b) / (2 * self.softness) + 0.5) for b in self.bends])
        passed = np.concatenate([np.ones((1, len(along))), passed.reshape(-1, len(along))])
        share = passed - np.concatenate([passed[1:], np.zeros((1, len(along)))])
        rings = np.zeros((len(along), len(BONE_NAMES)))
        for bone, values in zip(self.chain, share, strict=True):
            rings[:, BONE_INDEX[bone]] = values
        return np.concatenate([np.repeat(rings, NUM_SIDES, axis=0), rings[[0, -1]]])


def _smooth(value: Array) -> Array:
    x = np.clip(value, 0, 1)
    return x * x * (3 - 2 * x)


def _tube(
    material: str,
    start: Array,
    direction: Sequence[float],
    rows: Sequence[tuple[float, float, float]],
    chain: Sequence[str],
    bends: Sequence[float] = (),
    softness: float = 0.05,
) -> Tube:
    """Returns a straight tube; a row is (m along it, half width, half depth).

    Width is along x, or along y where the tube runs along x or z.
    """
    way = np.array(direction, np.float64)
    across = np.array([0.0, 1.0, 0.0]) if abs(way[1]) < 0.5 else np.array([1.0, 0.0, 0.0])
    table = np.array(rows)
    return Tube(
        material,
        start + table[:, :1] * way,
        table[:, 1:],
        np.stack([across, np.cross(way, across)]),
        tuple(chain),
        tuple(bends),
        softness,
    )


def _ball(material: str, centre: Array, radii: tuple[float, float, float], bone: str) -> Tube:
    angle = np.linspace(-1, 1, 8) * np.radians(84)
    rows = [(radii[1] * np.sin(a), radii[0] * np.cos(a), radii[2] * np.cos(a)) for a in angle]
    return _tube(material, centre, (0, 1, 0), rows, [bone])


def body_tubes(rig: Rig) -> list[Tube]:
    """Returns the parts of a body with the lengths of a rig."""
    rest = dict(zip(BONE_NAMES, rig.forward(rest_pose(), rig.offsets[0])[0], strict=True))
    unit = rig.proportions.height / 1.70
    parts = [*_trunk(rest, unit), *_head(rest, rig)]
    for side, sign in (('left', 1.0), ('right', -1.0)):
        parts += [*_arm(rest, side, sign, unit), *_leg(rest, rig, side, unit)]
    return parts


def _trunk(rest: dict[str, Array], unit: float) -> list[Tube]:
    hips, shoulder, neck = rest['hips'], rest['leftUpperArm'], rest['neck']
    top = shoulder[1] - hips[1]
    wide = shoulder[0]
    rows = [
        (-0.11, 0.050, 0.055), (-0.07, 0.130, 0.094), (0.0, 0.166, 0.114), (0.08, 0.152, 0.106),
        (0.17, 0.137, 0.096), (0.27, 0.150, 0.104),
    ]  # fmt: skip
    rows = [(y * unit, x * unit, z * unit) for y, x, z in rows]
    rows += [
        (top - 0.09 * unit, 0.90 * wide, 0.112 * unit),
        (top - 0.02 * unit, 0.96 * wide, 0.096 * unit),
        (top + 0.03 * unit, 0.72 * wide, 0.080 * unit),
        (neck[1] - hips[1] + 0.02 * unit, 0.062 * unit, 0.062 * unit),
    ]
    first = rows[0][0]
    bends = [rest[bone][1] - hips[1] - first for bone in ('spine', 'chest')]
    shirt = _tube('shirt', hips, (0, 1, 0), rows[2:], ['hips', 'spine', 'chest'],
                  [b + first - rows[2][0] for b in bends], 0.08 * unit)  # fmt: skip
    belt = [(y, 1.02 * x, 1.02 * z) for y, x, z in rows[:4]]
    return [shirt, _tube('trousers', hips, (0, 1, 0), belt[:3], ['hips'])]


def _head(rest: dict[str, Array], rig: Rig) -> list[Tube]:
    height = rig.proportions.height
    unit = height / 1.70
    head, neck = rest['head'], rest['neck']
    rise = head[1] - neck[1]
    rows = [(-0.03 * unit, 0.055, 0.055), (0.3 * rise, 0.052, 0.054), (rise, 0.052, 0.056)]
    rows = [(y, x * unit, z * unit) for y, x, z in (*rows, (rise + 0.04 * unit, 0.05, 0.055))]
    centre = head + np.array([0.0, 0.040, 0.008]) * height
    parts = [
        _tube('skin', neck, (0, 1, 0), rows, ['chest', 'neck', 'head'], [0.03 * unit, rise], 0.03),
        _ball('skin', centre, (0.046 * height, 0.064 * height, 0.056 * height), 'head'),
        _ball(
            'dark',
            centre + np.array([0, 0.016, -0.009]) * height,
            (0.049 * height, 0.052 * height, 0.052 * height),
            'head',
        ),
    ]
    points = {name: head + offset for name, (_, offset) in rig.markers.items()}
    for name in ('left_eye', 'right_eye'):
        parts.append(
            _ball('dark', points[name], (0.011 * unit, 0.011 * unit, 0.013 * unit), 'head')
        )
    parts.append(_ball('skin', points['nose'], (0.012 * unit, 0.020 * unit, 0.018 * unit), 'head'))
    return parts


def _arm(rest: dict[str, Array], side: str, sign: float, unit: float) -> list[Tube]:
    names = [f'{side}{bone}' for bone in ('Shoulder', 'UpperArm', 'LowerArm', 'Hand')]
    shoulder, elbow, hand = (abs(rest[name][0] - rest[names[0]][0]) for name in names[1:])
    rows = [
        (0.2 * shoulder, 0.060, 0.060), (shoulder - 0.02, 0.072, 0.070),
        (shoulder + 0.05, 0.062, 0.060), (0.5 * (shoulder + elbow), 0.050, 0.050),
        (elbow - 0.06, 0.043, 0.043),
        (elbow - 0.02, 0.040, 0.040), (elbow + 0.02, 0.040, 0.040), (elbow + 0.07, 0.042, 0.041),
        (0.5 * (elbow + hand), 0.036, 0.036), (hand - 0.01, 0.028, 0.033),
    ]  # fmt: skip
    rows = [(x, y * unit, z * unit) for x, y, z in rows]
    start, first = rest[names[0]], rows[0][0]
    bends = [shoulder - first, elbow - first]
    palm = [(-0.01, 0.022, 0.028), (0.03, 0.021, 0.040), (0.08, 0.019, 0.045)]
    palm = [(x * unit, y * unit, z * unit) for x, y, z in (*palm, (0.14, 0.014, 0.036))]
    palm.append((0.18 * unit, 0.006 * unit, 0.018 * unit))
    thumb = rest[names[3]] + np.array([sign * 0.045, -0.004, 0.045]) * unit
    return [
        _tube('shirt', start, (sign, 0, 0), rows, names[:3], bends, 0.045 * unit),
        _tube('skin', rest[names[3]], (sign, 0, 0), palm, names[2:], [0.01 * unit], 0.02 * unit),
        _ball('skin', thumb, (0.026 * unit, 0.013 * unit, 0.014 * unit), names[3]),
    ]


def _leg(rest: dict[str, Array], rig: Rig, side: str, unit: float) -> list[Tube]:
    names = ['hips', *(f'{side}{bone}' for bone in ('UpperLeg', 'LowerLeg', 'Foot'))]
    hip, knee, ankle = (rest[names[1]][1] - rest[name][1] for name in names[1:])
    rows = [
        (hip - 0.03, 0.035, 0.045), (hip, 0.068, 0.088), (hip + 0.05, 0.080, 0.098),
        (0.45 * knee, 0.078, 0.084),
        (knee - 0.08, 0.060, 0.064), (knee - 0.03, 0.056, 0.060), (knee + 0.03, 0.055, 0.058),
        (knee + 0.10, 0.055, 0.060), (0.5 * (knee + ankle), 0.050, 0.053),
        (ankle - 0.05, 0.040, 0.043), (ankle + 0.005, 0.040, 0.044),
    ]  # fmt: skip
    rows = [(y, x * unit, z * unit) for y, x, z in rows]
    first = rows[0][0]
    sole = rest[names[3]] - (0, rig.ankle_height, 0)
    foot = rig.proportions.foot
    shoe = [(-0.30, 0.010, 0.010), (-0.27, 0.032, 0.030), (-0.1, 0.045, 0.038)]
    shoe += [(0.1, 0.044, 0.041), (0.35, 0.030, 0.046), (0.6, 0.022, 0.046), (0.72, 0.012, 0.030)]
    # Shoes stand on the sole: the middle of a ring is as high as half its height.
    centres = [(sole[0], sole[1] + 0.95 * y * unit, sole[2] + z * foot) for z, y, _ in shoe]
    radii = [(y * unit, x * unit) for _, y, x in shoe]
    sides = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    return [
        _tube('trousers', rest[names[1]], (0, -1, 0), rows, names[:3],
              [hip - first, knee - first], 0.05 * unit),
        Tube('shoes', np.array(centres), np.array(radii), sides, (names[3],)),
    ]  # fmt: skip


def build_humanoid(rig: Rig | None = None) -> Glb:
    """Returns a skinned humanoid: node i is bone i of the rig, the last node is its mesh."""
    rig = Rig.default() if rig is None else rig
    glb = Glb()
    for name, offset in zip(BONE_NAMES, rig.offsets, strict=True):
        glb.add('nodes', {'name': name, 'translation': np.round(offset, 6).tolist()})
    for i, parent in enumerate(PARENTS):
        if parent >= 0:
            glb.content['nodes'][parent].setdefault('children', []).append(i)
    tubes = body_tubes(rig)
    primitives = []
    for name, color in MATERIALS.items():
        primitives.append(_add_primitive(glb, [t for t in tubes if t.material == name]))
        surface: dict[str, Any] = {'baseColorFactor': [*color, 1.0], 'metallicFactor': 0.0}
        surface['roughnessFactor'] = 0.8
        primitives[-1]['material'] = glb.add(
            'materials', {'name': name, 'pbrMetallicRoughness': surface}
        )
    positions, _ = rig.forward(rest_pose(), rig.offsets[0])
    inverse = np.tile(np.eye(4), (len(BONE_NAMES), 1, 1))
    inverse[:, 3, :3] = -np.round(positions, 6)  # glTF has matrices in columns
    skin = {
        'name': 'humanoid',
        'joints': list(range(len(BONE_NAMES))),
        'skeleton': 0,
        'inverseBindMatrices': glb.add_array(inverse.reshape(-1, 16), 'MAT4'),
    }
    mesh = glb.add('meshes', {'name': 'humanoid', 'primitives': primitives})
    body = glb.add('nodes', {'name': 'body', 'mesh': mesh, 'skin': glb.add('skins', skin)})
    glb.content['scene'] = glb.add('scenes', {'name': 'humanoid', 'nodes': [0, body]})
    return glb


def _add_primitive(glb: Glb, tubes: Sequence[Tube]) -> dict[str, Any]:
    """Adds the mesh of some tubes; numbers are rounded, so that all platforms write the same."""
    faces, first = [], 0
    for tube in tubes:
        faces.append(tube.triangles() + first)
        first += len(tube.vertices())
    vertices = np.round(np.concatenate([tube.vertices() for tube in tubes]), 5)
    triangles = np.concatenate(faces)
    joints, weights = _four_bones(np.concatenate([tube.weights() for tube in tubes]))
    normals = np.round(_normals(vertices, triangles), 4)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    attributes = {
        'POSITION': glb.add_array(vertices, 'VEC3', ARRAY_BUFFER, has_bounds=True),
        'NORMAL': glb.add_array(normals, 'VEC3', ARRAY_BUFFER),
        'JOINTS_0': glb.add_array(joints, 'VEC4', ARRAY_BUFFER),
        'WEIGHTS_0': glb.add_array(weights, 'VEC4', ARRAY_BUFFER, is_normalized=True),
    }
    indices = glb.add_array(triangles.reshape(-1).astype('<u2'), 'SCALAR', ELEMENT_BUFFER)
    return {'attributes': attributes, 'indices': indices}


def _normals(vertices: Array, triangles: NDArray[np.int64]) -> Array:
    corners = vertices[triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], flat)
    return total / np.linalg.norm(total, axis=-1, keepdims=True)


def _four_bones(weights: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Returns the four bones (V, 4) of largest weight, and their weights in 255ths."""
    order = np.argsort(-weights, axis=-1, kind='stable')[:, :4]
    parts = np.round(255 * np.take_along_axis(weights, order, axis=-1)).astype(np.int64)
    parts[:, 0] += 255 - parts.sum(axis=-1)
    order[parts == 0] = 0  # an unused slot names bone 0, as validators want it
    return order.astype(np.uint8), parts.astype(np.uint8)
