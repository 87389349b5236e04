import numpy as np
import pytest
from motions import pose, random_pose
from skinned import skinned_primitives

from realtime_pose.ik import Rig
from realtime_pose.ik.rig import PARENTS
from realtime_pose.model3d import HUMANOID_FILE, RiggedModel, build_humanoid, read_glb
from realtime_pose.model3d.skin import STILL, Skin

RIG = Rig.default()
ROOT = RIG.offsets[0]


def by_the_spec(local, root):
    """Returns what a viewer of glTF makes of our humanoid in a pose."""
    glb = build_humanoid(RIG)
    for i, rotation in enumerate(local):
        glb.content['nodes'][i]['rotation'] = rotation.tolist()
    glb.content['nodes'][0]['translation'] = list(root)
    return np.concatenate([points for points, _, _ in skinned_primitives(glb)])


def test_it_bends_as_glTF_has_it():
    skin = Skin.of_model(RiggedModel.load(HUMANOID_FILE))
    for seed in range(3):
        local = random_pose(np.random.default_rng(seed), 0.5)
        root = ROOT + np.array([0.3, 0.1, -0.2])
        # m; the file has weights in 255ths
        np.testing.assert_allclose(skin.bent(local, root), by_the_spec(local, root), atol=2e-3)


def larger(factor, shift, turned=False):
    """Returns our humanoid in other units, at another place, perhaps looking along -z."""
    glb = build_humanoid(RIG)
    glb.content['nodes'].append({'children': [0], 'scale': [factor] * 3, 'translation': shift})
    if turned:
        glb.content['nodes'][-1]['rotation'] = [0, 1, 0, 0]
    glb.content['scenes'][0]['nodes'] = [len(glb.content['nodes']) - 1]
    return RiggedModel.of_glb(glb)


@pytest.mark.parametrize('turned', [False, True])
def test_units_place_and_direction_of_a_model_do_not_matter(turned):
    local = random_pose(np.random.default_rng(1), 0.5)
    plain = Skin.of_model(RiggedModel.load(HUMANOID_FILE)).bent(local, ROOT)
    other = Skin.of_model(larger(100.0, [0, -90, 30], turned)).bent(local, ROOT)
    np.testing.assert_allclose(other, plain, atol=1e-3)  # m


def test_bones_alone_follow_too():
    skin = Skin.of_bones(RiggedModel.load(HUMANOID_FILE))
    places, _ = RIG.forward(pose(leftLowerArm=(0, -90, 0)), ROOT)
    points = skin.bent(pose(leftLowerArm=(0, -90, 0)), ROOT)
    for place in places[[i for i, parent in enumerate(PARENTS) if parent >= 0]]:
        assert np.linalg.norm(points - place, axis=1).min() < 1e-6  # a tip at each joint


def test_a_part_without_skin_hangs_on_its_bone():
    glb = read_glb(HUMANOID_FILE)
    mesh = next(i for i, node in enumerate(glb.content['nodes']) if 'mesh' in node)
    del glb.content['nodes'][mesh]['skin']
    model = RiggedModel.of_glb(glb)
    assert (Skin.of_model(model).bones[:, 0] == STILL).all()
    parent = model.bones['head']
    for node in glb.content['nodes']:
        if mesh in node.get('children', []):
            node['children'].remove(mesh)
    glb.content['nodes'][parent].setdefault('children', []).append(mesh)
    bones = Skin.of_model(RiggedModel.of_glb(glb)).bones[:, 0]
    assert len(set(bones.tolist())) == 1
    assert bones[0] != STILL


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        ({'extensionsRequired': ['KHR_draco_mesh_compression']}, 'packed by KHR_draco'),
        ({'meshes': []}, 'malformed'),
        ({'meshes': [{'primitives': []}]}, 'no mesh of triangles'),
    ],
)
def test_a_mesh_that_cannot_be_shown_is_refused(change, problem):
    glb = read_glb(HUMANOID_FILE)
    glb.content.update(change)
    with pytest.raises(ValueError, match=problem):
        Skin.of_model(RiggedModel.of_glb(glb))
