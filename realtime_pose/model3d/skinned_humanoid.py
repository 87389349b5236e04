"""The humanoid's skin for a pose of the rig, as points of a mesh: what a viewer would show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime_pose.ik.rig import BONE_INDEX, rest_pose
from realtime_pose.model3d.humanoid import HUMANOID_FILE
from realtime_pose.model3d.rigged_model import RiggedModel

Array = NDArray[np.float64]


class SkinnedHumanoid:
    """Bends the mesh that ships with the project, as glTF's linear skinning does.

    Attributes:
        triangles: (F, 3) int64. Points of each.
        colors: (F, 3). RGB of each, 0 to 1.
    """

    def __init__(self) -> None:
        model = RiggedModel.load(HUMANOID_FILE)
        glb = model.glb
        bone_of_node = {node: BONE_INDEX[bone] for bone, node in model.bones.items()}
        bones = np.array([bone_of_node[node] for node in glb.content['skins'][0]['joints']])
        points, weights, triangles, colors = [], [], [], []
        num_points = 0
        for part in glb.content['meshes'][0]['primitives']:
            read = {name: glb.read_array(i) for name, i in part['attributes'].items()}
            own = read['POSITION'].astype(np.float64)
            spread = np.zeros((len(own), len(BONE_INDEX)))
            rows = np.arange(len(own))[:, None]
            np.add.at(spread, (rows, bones[read['JOINTS_0']]), read['WEIGHTS_0'].astype(float))
            faces = glb.read_array(part['indices']).reshape(-1, 3).astype(np.int64)
            material = glb.content['materials'][part['material']]['pbrMetallicRoughness']
            points.append(own)
            weights.append(spread / spread.sum(axis=1, keepdims=True))
            triangles.append(faces + num_points)
            colors.append(np.tile(material['baseColorFactor'][:3], (len(faces), 1)))
            num_points += len(own)
        self.triangles = np.concatenate(triangles)
        self.colors = np.concatenate(colors)
        self._rig = model.rig
        self._points = np.concatenate(points)  # (V, 3)
        self._weights = np.concatenate(weights)  # (V, B)
        self._rest, _ = self._rig.forward(rest_pose(), self._rig.offsets[0])  # (B, 3)

    def points(self, rotations: Array, root: Array) -> Array:
        """Returns the points of the skin (V, 3), m, in the axes of the rig.

        Args:
            rotations: (B, 4) local rotations of the rig.
            root: (3,), m. Position of ``hips``.
        """
        places, turned = self._rig.forward(rotations, root)
        shifts = places - np.einsum('bij,bj->bi', turned, self._rest)  # (B, 3)
        matrices = np.einsum('vb,bij->vij', self._weights, turned)
        moved: Array = np.einsum('vij,vj->vi', matrices, self._points) + self._weights @ shifts
        return moved
