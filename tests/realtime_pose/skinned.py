"""What a viewer computes from a GLB file: node matrices, animation, skinned points. By the spec."""

import numpy as np

from realtime_pose.ik.quaternions import slerp, to_matrix


def local_matrix(node):
    if 'matrix' in node:
        return np.array(node['matrix'], float).reshape(4, 4).T
    matrix = np.eye(4)
    rotation = to_matrix(np.array(node.get('rotation', [0, 0, 0, 1]), float))
    matrix[:3, :3] = rotation * np.array(node.get('scale', [1, 1, 1]), float)
    matrix[:3, 3] = node.get('translation', [0, 0, 0])
    return matrix


def world_matrices(glb):
    nodes = glb.content['nodes']
    parent = {child: i for i, node in enumerate(nodes) for child in node.get('children', [])}

    def world(i):
        above = world(parent[i]) if i in parent else np.eye(4)
        return above @ local_matrix(nodes[i])

    return np.stack([world(i) for i in range(len(nodes))])


def animate(glb, time_s, index=0):
    """Puts the nodes of a file where its animation has them at a time."""
    animation = glb.content['animations'][index]
    for channel in animation['channels']:
        sampler = animation['samplers'][channel['sampler']]
        times, values = (glb.read_array(sampler[x]).astype(float) for x in ('input', 'output'))
        last = int(np.clip(np.searchsorted(times, time_s, side='right') - 1, 0, len(times) - 2))
        share = np.clip((time_s - times[last]) / (times[last + 1] - times[last]), 0, 1)
        path = channel['target']['path']
        if path == 'rotation':
            value = slerp(values[last], values[last + 1], share)
        else:
            value = (1 - share) * values[last] + share * values[last + 1]
        glb.content['nodes'][channel['target']['node']][path] = value.tolist()


def skinned_primitives(glb):
    """Yields points (V, 3), triangles (F, 3) and colour (3,) of each part of the first mesh."""
    worlds = world_matrices(glb)
    skin = glb.content['skins'][0]
    inverse = glb.read_array(skin['inverseBindMatrices']).reshape(-1, 4, 4).transpose(0, 2, 1)
    joints = worlds[skin['joints']] @ inverse
    for part in glb.content['meshes'][0]['primitives']:
        read = {name: glb.read_array(i) for name, i in part['attributes'].items()}
        weights = read['WEIGHTS_0'].astype(float) / 255
        points = np.concatenate([read['POSITION'], np.ones((len(weights), 1))], axis=-1)
        moved = np.einsum('vj,vjab,vb->va', weights, joints[read['JOINTS_0']], points)
        material = glb.content['materials'][part['material']]
        color = material['pbrMetallicRoughness']['baseColorFactor'][:3]
        yield moved[:, :3], glb.read_array(part['indices']).reshape(-1, 3).astype(int), color
