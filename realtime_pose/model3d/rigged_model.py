"""Rigged model of a GLB or VRM file, and retargeting of poses of our rig to it.

Bones of other models rest in other axes and in poses that are not quite a T. What counts is how a
bone is turned in the world from where it rests, which is the same for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.quaternions import (
    IDENTITY,
    between,
    conjugate,
    from_matrix,
    multiply,
    normalized,
    rotate,
    to_matrix,
)
from realtime_pose.ik.rig import BONE_INDEX, BONE_NAMES, Rig, rest_pose
from realtime_pose.model3d.bone_names import check_bones, find_bones
from realtime_pose.model3d.glb import Glb, read_glb

Array = NDArray[np.float64]

# Limbs whose rest direction is compared, and the bone at their end.
LIMB_ENDS = {
    f'{side}{bone}': f'{side}{end}'
    for side in ('left', 'right')
    for bone, end in (
        ('UpperArm', 'LowerArm'),
        ('LowerArm', 'Hand'),
        ('UpperLeg', 'LowerLeg'),
        ('LowerLeg', 'Foot'),
    )
}


@dataclass(frozen=True, eq=False)
class RiggedModel:
    """Model with a humanoid skeleton and N nodes.

    Attributes:
        glb: The file.
        bones: Bone of the rig -> node. Not every bone need be there.
        parents: (N,); -1 for those without.
        rest_rotations: (N, 4) in the world.
        rest_matrices: (N, 4, 4) to the world.
        rest_local: (N, 4, 4) to the parent.
        rig: The rig that poses are given for.
    """

    glb: Glb
    bones: dict[str, int]
    parents: tuple[int, ...]
    rest_rotations: Array
    rest_matrices: Array
    rest_local: Array
    rig: Rig

    @classmethod
    def load(cls, path: str | Path, rig: Rig | None = None) -> RiggedModel:
        """Loads the model of a .glb or .vrm file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or has no humanoid skeleton.
        """
        glb = read_glb(path)
        try:
            return cls.of_glb(glb, rig)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f'{path}: its nodes or bones are malformed ({error!r})') from None

    @classmethod
    def of_glb(cls, glb: Glb, rig: Rig | None = None) -> RiggedModel:
        """Returns the model of a file in memory; see :meth:`load`."""
        nodes = glb.content.get('nodes', [])
        parents = _parents(nodes)
        local = np.stack([np.eye(4), *map(_local_matrix, nodes)])[1:]
        matrices = _world_matrices(local, parents)
        rotations = np.array([from_matrix(_without_scale(m[:3, :3])) for m in matrices])
        bones = _vrm_bones(glb.content) or find_bones([str(x.get('name', '')) for x in nodes])
        return cls(glb, bones, parents, rotations, matrices, local, rig or Rig.default())

    def world_matrices(self, local: Array) -> Array:
        """Returns the matrices to the world of nodes with local matrices (N, 4, 4)."""
        return _world_matrices(local, self.parents)

    @property
    def facing(self) -> Array:
        """Turns (4,) our axes into those of the model: half a turn if that looks along -z."""
        arms = [self.bones[f'{side}UpperArm'] for side in ('left', 'right')]
        left, right = self.rest_matrices[arms, 0, 3]
        return IDENTITY if left >= right else np.array([0.0, 1.0, 0.0, 0.0])

    @property
    def scale(self) -> float:
        """Scale of the model relative to the rig, by its legs (thighs if it has no feet)."""
        chain = [x for x in ('UpperLeg', 'LowerLeg', 'Foot') if f'left{x}' in self.bones]
        places = self.rest_matrices[[self.bones[f'left{bone}'] for bone in chain], :3, 3]
        length = np.linalg.norm(np.diff(places, axis=0), axis=1).sum()
        ours = self.rig.offsets[[BONE_INDEX[f'left{bone}'] for bone in chain[1:]]]
        return float(length / np.linalg.norm(ours, axis=1).sum())

    def pose(self, rotations: Array, root: Array) -> tuple[dict[int, Array], Array]:
        """Retargets poses of the rig to the nodes of the model.

        Args:
            rotations: (..., B, 4) local rotations of the rig.
            root: (..., 3), m. Position of its ``hips``.

        Returns:
            Node -> local rotation (..., 4), and the local translation (..., 3) of the hips node.
        """
        _, turned = self.rig.forward(rotations, root)
        ours = from_matrix(turned)
        front = self.facing
        turns = {
            node: multiply(
                multiply(front, multiply(ours[..., BONE_INDEX[bone], :], conjugate(front))),
                conjugate(self._rest_difference(bone)),
            )
            for bone, node in self.bones.items()
        }
        nodes = {}
        for node, turn in turns.items():
            above = self._turn_above(node, turns)
            parent = self.parents[node]
            rest = IDENTITY if parent < 0 else self.rest_rotations[parent]
            world = multiply(turn, self.rest_rotations[node])
            nodes[node] = normalized(multiply(conjugate(multiply(above, rest)), world))
        return nodes, self._hips_translation(np.asarray(root, np.float64))

    def _turn_above(self, node: int, turns: dict[int, Array]) -> Array:
        """Returns the world rotation of the nearest bone above a node."""
        parent = self.parents[node]
        while parent >= 0 and parent not in turns:
            parent = self.parents[parent]
        return IDENTITY if parent < 0 else turns[parent]

    def _rest_difference(self, bone: str) -> Array:
        """Returns the rotation (4,) from our bone's rest pose to that of the model."""
        end = LIMB_ENDS.get(bone)
        if end is None or end not in self.bones:
            return IDENTITY
        ours = rotate(self.facing, normalized(self.rig.offsets[BONE_INDEX[end]]))
        places = self.rest_matrices[[self.bones[bone], self.bones[end]], :3, 3]
        way = places[1] - places[0]
        return between(ours, normalized(way)) if np.linalg.norm(way) > 1e-9 else IDENTITY

    def _hips_translation(self, root: Array) -> Array:
        hips = self.bones['hips']
        rest, _ = self.rig.forward(rest_pose(), self.rig.offsets[0])
        moved = rotate(self.facing, self.scale * (root - rest[0]))
        world = self.rest_matrices[hips][:3, 3] + moved
        if self.parents[hips] < 0:
            return world
        inverse = np.linalg.inv(self.rest_matrices[self.parents[hips]])
        return world @ inverse[:3, :3].T + inverse[:3, 3]


def _parents(nodes: list[dict[str, Any]]) -> tuple[int, ...]:
    parents = [-1] * len(nodes)
    for i, node in enumerate(nodes):
        for child in node.get('children', []):
            if not 0 <= child < len(nodes) or parents[child] >= 0 or child == i:
                raise ValueError(f'node {child} is no child that only node {i} has')
            parents[child] = i
    return tuple(parents)


def _world_matrices(local: Array, parents: tuple[int, ...]) -> Array:
    matrices = local.copy()
    for i in _in_order(parents):
        if parents[i] >= 0:
            matrices[i] = matrices[parents[i]] @ local[i]
    return matrices


def _in_order(parents: tuple[int, ...]) -> list[int]:
    """Returns the nodes so that each comes after its parent."""
    children: dict[int, list[int]] = {}
    for child, parent in enumerate(parents):
        children.setdefault(parent, []).append(child)
    order = children.get(-1, [])
    for i in order:  # grows as it goes
        order.extend(children.get(i, ()))
    if len(order) < len(parents):
        raise ValueError('its nodes are their own ancestors')
    return order


def _local_matrix(node: dict[str, Any]) -> Array:
    if 'matrix' in node:
        return np.array(node['matrix'], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    rotation = to_matrix(normalized(node.get('rotation', IDENTITY)))
    matrix[:3, :3] = rotation * np.array(node.get('scale', (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get('translation', (0, 0, 0))
    return matrix


def split_matrix(node: dict[str, Any]) -> None:
    """Decomposes the matrix of a node, since glTF animates only translation, rotation and scale."""
    if 'matrix' in node:
        matrix = _local_matrix(node)
        del node['matrix']
        node['translation'] = matrix[:3, 3].tolist()
        node['rotation'] = from_matrix(_without_scale(matrix[:3, :3])).tolist()
        node['scale'] = np.linalg.norm(matrix[:3, :3], axis=0).tolist()


def _without_scale(matrix: Array) -> Array:
    lengths = np.linalg.norm(matrix, axis=0)
    if lengths.min() < 1e-12:
        raise ValueError('a node has scale 0')
    return matrix / lengths


def _vrm_bones(content: dict[str, Any]) -> dict[str, int]:
    """Returns the bones that a VRM file of version 1 or 0 names itself; none in a plain GLB."""
    extensions = content.get('extensions', {})
    if 'VRMC_vrm' in extensions:
        listed = extensions['VRMC_vrm'].get('humanoid', {}).get('humanBones', {})
        named = {bone: entry['node'] for bone, entry in listed.items()}
    elif 'VRM' in extensions:
        listed = extensions['VRM'].get('humanoid', {}).get('humanBones', [])
        named = {entry['bone']: entry['node'] for entry in listed}
    else:
        return {}
    found = {bone: int(named[bone]) for bone in BONE_NAMES if bone in named}
    if any(not 0 <= node < len(content.get('nodes', [])) for node in found.values()):
        raise ValueError('its list of bones names nodes that are not there')
    check_bones(found, list(named))
    return found
