"""Skinned mesh of a rigged model in the bones of our rig, for a viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.quaternions import to_matrix
from realtime_pose.ik.rig import BONE_INDEX, BONE_NAMES, PARENTS, rest_pose
from realtime_pose.model3d.glb import Glb
from realtime_pose.model3d.rigged_model import RiggedModel

MAX_POINTS = 150_000
MAX_TEXTURE_BYTES = 20_000_000
NUM_WEIGHTS = 4  # bones that a point follows at most
STILL = len(BONE_NAMES)  # stands for all nodes that no bone carries
TRIANGLES = 4  # mode of a primitive
COMPRESSIONS = ('KHR_draco_mesh_compression', 'EXT_meshopt_compression')
DISPLAY_GAMMA = 2.2  # factors of materials are linear light
FOOT = np.array([0.0, -0.04, 0.16])  # from the ankle, m
BONE_COLOR, BONE_WIDTH = (0.18, 0.44, 0.82), 0.12  # of its length

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Skin:
    """Skinned mesh in the axes and units of the rig, deformed by one matrix per bone.

    Attributes:
        model: Rigged model of the mesh.
        points: (V, 3), m. At rest.
        bones: (V, 4). Indices into ``BONE_NAMES``, or ``STILL``.
        weights: (V, 4). They sum to 1.
        colors: (V, 3). RGB as it is displayed, 0 to 1.
        triangles: (F, 3). Indices of points.
    """

    model: RiggedModel
    points: Array
    bones: NDArray[np.int64]
    weights: Array
    colors: Array
    triangles: NDArray[np.int64]

    @classmethod
    def of_model(cls, model: RiggedModel) -> Skin:
        """Returns the mesh of a model; colours of its pictures are taken at the points.

        Raises:
            ValueError: If there is none, or it is too large, compressed or damaged.
        """
        used = set(model.glb.content.get('extensionsRequired', ()))
        if packed := used & set(COMPRESSIONS):
            raise ValueError(f'its mesh is packed by {packed.pop()}; export it without compression')
        try:
            parts = [
                _part(model, number, part)
                for number, node in enumerate(model.glb.content.get('nodes', []))
                if 'mesh' in node
                for part in model.glb.content['meshes'][node['mesh']]['primitives']
                if part.get('mode', TRIANGLES) == TRIANGLES
            ]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f'its mesh is malformed ({error!r})') from None
        if not parts:
            raise ValueError('it has no mesh of triangles')
        return cls._joined(model, parts)

    @classmethod
    def of_bones(cls, model: RiggedModel) -> Skin:
        """Returns a mesh of the bones only, each a slim double pyramid."""
        to_rig = _to_rig(model)
        places = {
            bone: to_rig[:3, :3] @ model.rest_matrices[node, :3, 3] + to_rig[:3, 3]
            for bone, node in model.bones.items()
        }
        parts = []
        for bone, place in places.items():
            ends = [places[x] for x in places if PARENTS[BONE_INDEX[x]] == BONE_INDEX[bone]]
            # Hands and the head have no end of their own; they go on as the bone before does.
            above = places.get(BONE_NAMES[PARENTS[BONE_INDEX[bone]]], place)
            rest = FOOT if bone.endswith('Foot') else (place - above) / 2
            parts += [_pyramids(place, end, BONE_INDEX[bone]) for end in ends or [place + rest]]
        return cls._joined(model, parts)

    @classmethod
    def _joined(cls, model: RiggedModel, parts: list[_Part]) -> Skin:
        num_points = np.cumsum([0, *(len(part.points) for part in parts)])
        if num_points[-1] > MAX_POINTS:
            raise ValueError(
                f'its mesh has {num_points[-1]} points, at most {MAX_POINTS} are shown'
            )
        spread = np.concatenate([part.weights for part in parts])  # (V, B + 1)
        bones = np.argsort(-spread, axis=1, kind='stable')[:, :NUM_WEIGHTS]
        weights = np.take_along_axis(spread, bones, axis=1)
        return cls(
            model,
            np.concatenate([part.points for part in parts]),
            bones,
            weights / weights.sum(axis=1, keepdims=True),
            np.concatenate([part.colors for part in parts]),
            np.concatenate([p.triangles + n for p, n in zip(parts, num_points, strict=False)]),
        )

    def matrices(self, rotations: Array, root: Array) -> Array:
        """Returns the skinning matrices (B + 1, 3, 4) of the bones; the last one is the identity.

        Args:
            rotations: (B, 4) local rotations of the rig.
            root: (3,), m. Position of ``hips``.
        """
        model = self.model
        turned, hips = model.pose(rotations, root)
        local = model.rest_local.copy()
        for node, rotation in turned.items():
            scale = np.linalg.norm(local[node, :3, :3], axis=0)
            local[node, :3, :3] = to_matrix(rotation) * scale
        local[model.bones['hips'], :3, 3] = hips
        worlds = model.world_matrices(local)
        to_rig = _to_rig(model)
        from_rig = np.linalg.inv(to_rig)
        found = np.tile(np.eye(4), (STILL + 1, 1, 1))
        for bone in BONE_NAMES:
            node = model.bones.get(bone)
            if node is not None:
                moved = worlds[node] @ np.linalg.inv(model.rest_matrices[node])
                found[BONE_INDEX[bone]] = to_rig @ moved @ from_rig
        matrices: Array = found[:, :3]
        return matrices

    def bent(self, rotations: Array, root: Array) -> Array:
        """Returns the deformed points (V, 3), m, of a pose; see :meth:`matrices`."""
        mixed = np.einsum(
            'vw,vwij->vij', self.weights, self.matrices(rotations, root)[self.bones]
        )  # (V, 4), (V, 4, 3, 4) -> (V, 3, 4)
        moved: Array = np.einsum('vij,vj->vi', mixed[..., :3], self.points) + mixed[..., 3]
        return moved

    def normals(self) -> Array:
        """Returns the vertex normals (V, 3) at rest."""
        corners = self.points[self.triangles]  # (F, 3, 3)
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = np.zeros_like(self.points)
        for corner in range(3):
            np.add.at(total, self.triangles[:, corner], faces)
        lengths = np.linalg.norm(total, axis=1, keepdims=True)
        normals: Array = total / np.maximum(lengths, 1e-12)
        return normals


@dataclass(frozen=True, eq=False)
class _Part:
    """Points (V, 3), weights (V, B + 1), colours (V, 3) and triangles (F, 3) of a primitive."""

    points: Array
    weights: Array
    colors: Array
    triangles: NDArray[np.int64]


def _to_rig(model: RiggedModel) -> Array:
    """Returns the matrix (4, 4) from the world of a model to that of the rig.

    Thighs begin where those of the rig do: some models have their hips, not their feet, at the
    origin, and what they call hips may be anywhere below the waist.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = to_matrix(model.facing).T / model.scale
    places, _ = model.rig.forward(rest_pose(), model.rig.offsets[0])
    thighs = [f'{side}UpperLeg' for side in ('left', 'right')]
    theirs = model.rest_matrices[[model.bones[bone] for bone in thighs], :3, 3].mean(axis=0)
    ours = places[[BONE_INDEX[bone] for bone in thighs]].mean(axis=0)
    matrix[:3, 3] = ours - matrix[:3, :3] @ theirs
    return matrix


def _part(model: RiggedModel, number: int, part: dict[str, Any]) -> _Part:
    glb, node = model.glb, model.glb.content['nodes'][number]
    read = part['attributes']
    points = _floats(glb, read['POSITION'])
    weights = np.zeros((len(points), STILL + 1))
    to_rig = _to_rig(model)
    if 'skin' in node and 'JOINTS_0' in read:
        skin = glb.content['skins'][node['skin']]
        joints = glb.read_array(read['JOINTS_0']).astype(np.int64)  # (V, 4)
        shares = _floats(glb, read['WEIGHTS_0'])
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
        inverse = np.tile(np.eye(4), (len(skin['joints']), 1, 1))
        if 'inverseBindMatrices' in skin:
            columns = _floats(glb, skin['inverseBindMatrices']).reshape(-1, 4, 4)
            inverse = columns.transpose(0, 2, 1)
        to_rest = to_rig @ model.rest_matrices[skin['joints']] @ inverse  # (J, 4, 4)
        mixed = np.einsum('vw,vwij->vij', shares, to_rest[joints])
        carriers = np.array([_carrier(model, joint) for joint in skin['joints']])
        np.add.at(weights, (np.arange(len(points))[:, None], carriers[joints]), shares)
    else:
        mixed = np.broadcast_to(to_rig @ model.rest_matrices[number], (len(points), 4, 4))
        weights[:, _carrier(model, number)] = 1
    points = np.einsum('vij,vj->vi', mixed[:, :3, :3], points) + mixed[:, :3, 3]
    order = glb.read_array(part['indices']) if 'indices' in part else np.arange(len(points))
    triangles = order.astype(np.int64).reshape(-1, 3)
    if triangles.size and triangles.max() >= len(points):
        raise ValueError('its mesh names points that are not there')
    return _Part(points, weights, _colors(glb, part, len(points)), triangles)


def _carrier(model: RiggedModel, node: int) -> int:
    """Returns the nearest bone above a node, or ``STILL``."""
    bone_of = {node: BONE_INDEX[bone] for bone, node in model.bones.items()}
    while node >= 0 and node not in bone_of:
        node = model.parents[node]
    return STILL if node < 0 else bone_of[node]


def _floats(glb: Glb, index: int) -> Array:
    """Returns an accessor as numbers; integers that stand for 0..1 or -1..1 become these."""
    values = glb.read_array(index)
    numbers: Array = values.astype(np.float64)
    if glb.content['accessors'][index].get('normalized') and values.dtype.kind in 'iu':
        numbers = np.maximum(numbers / np.iinfo(values.dtype).max, -1)
    return numbers


def _colors(glb: Glb, part: dict[str, Any], num_points: int) -> Array:
    material = glb.content['materials'][part['material']] if 'material' in part else {}
    looks = material.get('pbrMetallicRoughness', {})
    factor = np.clip(looks.get('baseColorFactor', (0.8, 0.8, 0.8))[:3], 0, 1)
    if 'baseColorTexture' in looks:
        factor = np.clip(looks.get('baseColorFactor', (1, 1, 1))[:3], 0, 1)
    colors = np.tile(np.asarray(factor, np.float64) ** (1 / DISPLAY_GAMMA), (num_points, 1))
    texture = looks.get('baseColorTexture')
    place = f'TEXCOORD_{texture.get("texCoord", 0)}' if texture else ''
    if texture is None or place not in part['attributes']:
        return colors
    picture = _picture(glb, texture['index'])
    if picture is None:
        return colors
    height, width = picture.shape[:2]
    u, v = (_floats(glb, part['attributes'][place]) % 1).T
    x, y = (u * width).astype(int).clip(0, width - 1), (v * height).astype(int).clip(0, height - 1)
    sampled: Array = colors * picture[y, x, ::-1] / 255
    return sampled


def _picture(glb: Glb, texture: int) -> NDArray[np.uint8] | None:
    """Returns a picture (H, W, 3) BGR; None where it is of a kind that cannot be read."""
    source = glb.content['textures'][texture].get('source')
    image = {} if source is None else glb.content['images'][source]
    if 'bufferView' not in image:
        return None
    view = glb.content['bufferViews'][image['bufferView']]
    start = int(view.get('byteOffset', 0))
    data = bytes(glb.binary[start : start + min(int(view['byteLength']), MAX_TEXTURE_BYTES)])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def _pyramids(start: Array, end: Array, bone: int) -> _Part:
    """Returns a double pyramid of eight triangles from one point to another."""
    along = end - start
    length = float(np.linalg.norm(along))
    side = np.cross(along, [0, 0, 1] if abs(along[2]) < 0.9 * length else [0, 1, 0])
    side *= BONE_WIDTH * length / max(float(np.linalg.norm(side)), 1e-9)
    other = np.cross(along, side) / max(length, 1e-9)
    middle = start + 0.2 * along
    ring = [middle + side, middle + other, middle - side, middle - other]
    points, triangles = [], []
    for i in range(4):
        for tip, first, second in ((start, i, (i + 1) % 4), (end, (i + 1) % 4, i)):
            triangles.append([len(points), len(points) + 1, len(points) + 2])
            points += [tip, ring[second], ring[first]]
    weights = np.zeros((len(points), STILL + 1))
    weights[:, bone] = 1
    return _Part(
        np.stack(points), weights, np.tile(BONE_COLOR, (len(points), 1)), np.array(triangles)
    )
