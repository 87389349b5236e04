"""The humanoid, other people's models, and animations, as a viewer that follows glTF sees them."""

import copy
import json
import os
import shutil
import struct
import subprocess

import matplotlib
import numpy as np
import pytest
from motions import pose, random_pose, turn, walking
from skinned import animate, skinned_primitives, world_matrices

from mmpose.metainfo import load_metainfo
from mmpose.visualization import draw_pose
from realtime_pose.ik import Proportions, Rig
from realtime_pose.ik.quaternions import (
    IDENTITY,
    conjugate,
    from_rotvec,
    multiply,
    rotate,
    to_matrix,
)
from realtime_pose.ik.rig import BONE_INDEX, BONE_NAMES, PARENTS
from realtime_pose.model3d import (
    COCO_SKELETON,
    HUMANOID_FILE,
    Motion,
    RiggedModel,
    animated_glb,
    build_humanoid,
    draw_skeleton_on_frame,
    plot_skeleton_3d,
    read_glb,
    write_animated_glb,
)
from realtime_pose.model3d.bone_names import REQUIRED, find_bones
from realtime_pose.model3d.glb import parse_glb

RIG = Rig.default()
ROOT = RIG.offsets[0]
MIXAMO = {
    'hips': 'Hips', 'spine': 'Spine', 'chest': 'Spine1', 'neck': 'Neck', 'head': 'Head',
    'leftShoulder': 'LeftShoulder', 'leftUpperArm': 'LeftArm', 'leftLowerArm': 'LeftForeArm',
    'leftHand': 'LeftHand', 'leftUpperLeg': 'LeftUpLeg', 'leftLowerLeg': 'LeftLeg',
    'leftFoot': 'LeftFoot',
}  # fmt: skip
MIXAMO |= {
    key.replace('left', 'right'): name.replace('Left', 'Right')
    for key, name in MIXAMO.items()
    if key.startswith('left')
}
VALIDATE = """
const validator = require('gltf-validator');
const read = path => new Uint8Array(require('fs').readFileSync(path));
Promise.all(process.argv.slice(1).map(path => validator.validateBytes(read(path))))
    .then(reports => console.log(JSON.stringify(reports.map(report => report.issues))));
"""
VALIDATOR = 'gltf-validator@2.0.0-dev.3.10'
GLOBAL_MODULES = ('/usr/local/lib/node_modules', '/usr/lib/node_modules')


@pytest.fixture(scope='module')
def validate(request, tmp_path_factory):
    """Runs the validator of Khronos, an npm package: global, in NODE_PATH, or in pytest's cache,
    where it is installed the first time."""
    if not shutil.which('node'):
        pytest.skip('node is not installed (Debian: apt-get install nodejs npm)')
    cache = getattr(request.config, 'cache', None)  # None with -p no:cacheprovider
    folder = (cache.mkdir if cache else tmp_path_factory.mktemp)('gltf-validator')
    own = str(folder / 'node_modules')
    paths = ':'.join([os.environ.get('NODE_PATH', ''), *GLOBAL_MODULES, own])

    def node(code, *arguments):
        command = ['node', '-e', code, *map(str, arguments)]
        environment = {**os.environ, 'NODE_PATH': paths}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    if node('require("gltf-validator")').returncode:
        install_from_npm(folder)

    def run(*files):
        done = node(VALIDATE, *files)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def install_from_npm(folder):
    """Installs the validator (400 kB) below a folder; skips the test where that cannot be done."""
    command = ['npm', 'install', '--no-audit', '--no-fund', '--fetch-retries=0', '--prefix']
    try:
        subprocess.run(
            [*command, folder, VALIDATOR], check=True, capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip('npm is not installed (Debian: apt-get install npm)')
    except subprocess.TimeoutExpired:
        pytest.skip(f'npm could not install {VALIDATOR} in 60 s')
    except subprocess.CalledProcessError as error:
        pytest.skip(f'npm could not install {VALIDATOR}: {" ".join(error.stderr.split())[:160]}')


def points_of(glb):
    return np.concatenate([points for points, _, _ in skinned_primitives(glb)])


def posed(local, root=ROOT, rig=RIG):
    """Returns the points of our humanoid in a pose."""
    glb = build_humanoid(rig)
    for i, rotation in enumerate(local):
        glb.content['nodes'][i]['rotation'] = rotation.tolist()
    glb.content['nodes'][0]['translation'] = list(root)
    return points_of(glb)


def motion(num=12):
    local = np.stack([walking(i / num) for i in range(num)])
    roots = ROOT + np.stack([np.array([0, 0.02 * np.sin(i), 0.1 * i]) for i in range(num)])
    return Motion(RIG, 30.0, local, roots)


def test_shipped_file_is_what_the_generator_makes():
    assert HUMANOID_FILE.read_bytes() == build_humanoid().to_bytes()
    assert HUMANOID_FILE.stat().st_size < 100_000


def test_humanoid_has_a_body():
    points = points_of(read_glb(HUMANOID_FILE))
    low, high = points.min(axis=0), points.max(axis=0)
    assert low[1] == pytest.approx(0, abs=0.005)  # stands on the ground
    assert high[1] == pytest.approx(1.70, abs=0.03)
    assert high[0] == pytest.approx(-low[0], abs=1e-4)
    glb = read_glb(HUMANOID_FILE)
    for part in glb.content['meshes'][0]['primitives']:
        weights = glb.read_array(part['attributes']['WEIGHTS_0']).astype(int)
        assert (weights.sum(axis=-1) == 255).all()
    for points, faces, _ in skinned_primitives(glb):
        corners = points[faces]
        volume = np.sum(np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]) / 6
        assert volume > 0  # the outside is outside


def test_skin_follows_the_bones():
    rest, moved = posed(pose()), posed(pose(leftLowerArm=(0, -90, 0)))
    elbow = RIG.forward(pose(), ROOT)[0][BONE_INDEX['leftLowerArm']]
    hand = rest[:, 0] > elbow[0] + 0.15
    expected = rotate(turn(y=-90), rest[hand] - elbow) + elbow
    np.testing.assert_allclose(moved[hand], expected, atol=2e-3)  # of 255ths of weight
    still = rest[:, 0] < elbow[0] - 0.1
    np.testing.assert_allclose(moved[still], rest[still], atol=2e-3)


def test_validator_finds_nothing(validate, tmp_path):
    moving, other, moved, damaged = (tmp_path / f'{name}.glb' for name in 'abcd')
    write_animated_glb(motion(), moving)
    other.write_bytes(foreign(MIXAMO).to_bytes())
    write_animated_glb(motion(), moved, other)
    damaged.write_bytes(HUMANOID_FILE.read_bytes()[:-1000] + b'\xff' * 1000)
    reports = validate(HUMANOID_FILE, moving, moved, damaged)
    assert [report['messages'] for report in reports[:2]] == [[], []]
    assert (reports[2]['numErrors'], reports[2]['numWarnings']) == (0, 0), reports[2]['messages']
    assert reports[3]['numErrors'] > 0  # so that it can find something


def test_animation_plays_as_recorded():
    moving = motion()
    glb = parse_glb(animated_glb(moving).to_bytes())
    for frame in (0, 5, 11):
        animate(glb, moving.times[frame] + 1e-9)
        expected = posed(moving.rotations[frame], moving.roots[frame])
        np.testing.assert_allclose(points_of(glb), expected, atol=1e-4)  # float32


def foreign(names, half_turn=False, scale=0.01, seed=0):
    """Returns our humanoid as others would have made it: other names, axes, units, a parent."""
    rng = np.random.default_rng(seed)
    glb = build_humanoid()
    content = glb.content
    positions, _ = RIG.forward(pose(), ROOT)
    front = turn(y=180) if half_turn else IDENTITY
    world = np.stack([from_rotvec(rng.normal(size=3)) for _ in BONE_NAMES])
    armature = from_rotvec([-np.pi / 2, 0, 0])
    for i, name in enumerate(BONE_NAMES):
        node = content['nodes'][i]
        node['name'] = names[name]
        above = armature if PARENTS[i] < 0 else world[PARENTS[i]]
        start = np.zeros(3) if PARENTS[i] < 0 else positions[PARENTS[i]]
        node['rotation'] = multiply(conjugate(above), world[i]).tolist()
        node['translation'] = (rotate(conjugate(above), positions[i] - start) / scale).tolist()
    head = content['nodes'][BONE_INDEX['head']]
    matrix = np.eye(4)
    matrix[:3, :3] = to_matrix(np.array(head.pop('rotation')))
    matrix[:3, 3] = head.pop('translation')
    head['matrix'] = matrix.T.reshape(-1).tolist()
    top = glb.add('nodes', {'name': 'Armature', 'children': [0], 'scale': [scale] * 3})
    content['nodes'][top]['rotation'] = multiply(front, armature).tolist()
    content['scenes'][0]['nodes'] = [top, len(BONE_NAMES)]
    content['skins'][0]['skeleton'] = top
    turned = turn(y=180) if half_turn else IDENTITY
    model_space = np.eye(4)
    model_space[:3, :3] = to_matrix(turned)
    inverse = np.linalg.inv(world_matrices(glb)[: len(BONE_NAMES)]) @ model_space
    content['skins'][0]['inverseBindMatrices'] = glb.add_array(
        inverse.transpose(0, 2, 1).reshape(-1, 16), 'MAT4'
    )
    return glb


@pytest.mark.parametrize('half_turn', [False, True], ids=['looks along z', 'looks along -z'])
@pytest.mark.parametrize('prefix', ['mixamorig:', 'mixamorig_', ''])
def test_foreign_model_moves_like_ours(prefix, half_turn):
    """Whatever axes, units and names its bones have, the skin ends up in the same places."""
    rng = np.random.default_rng(3)
    names = {key: prefix + name for key, name in MIXAMO.items()}
    model = RiggedModel.of_glb(foreign(names, half_turn))
    front = turn(y=180) if half_turn else IDENTITY
    np.testing.assert_allclose(points_of(model.glb), rotate(front, posed(pose())), atol=1e-4)
    local, root = random_pose(rng, 0.7), np.add(ROOT, (0.3, -0.1, 0.2))
    rotations, translation = model.pose(local, root)
    glb = copy.deepcopy(model.glb)
    for node, rotation in rotations.items():
        entry = glb.content['nodes'][node]
        if 'matrix' in entry:
            matrix = np.array(entry.pop('matrix')).reshape(4, 4).T
            entry['translation'] = matrix[:3, 3].tolist()
        entry['rotation'] = rotation.tolist()
    glb.content['nodes'][model.bones['hips']]['translation'] = translation.tolist()
    np.testing.assert_allclose(points_of(glb), rotate(front, posed(local, root)), atol=1e-3)


def test_model_that_rests_with_arms_down():
    """An A-pose: the arms of the model still end up pointing where ours do."""
    glb = build_humanoid()
    for side, sign in (('left', 1), ('right', -1)):
        glb.content['nodes'][BONE_INDEX[f'{side}UpperArm']]['rotation'] = turn(
            z=-45 * sign
        ).tolist()
    model = RiggedModel.of_glb(glb)
    local = walking(0.3)
    rotations, translation = model.pose(local, ROOT)
    for node, rotation in rotations.items():
        glb.content['nodes'][node]['rotation'] = rotation.tolist()
    glb.content['nodes'][0]['translation'] = translation.tolist()
    found = world_matrices(glb)[: len(BONE_NAMES), :3, 3]
    np.testing.assert_allclose(found, RIG.forward(local, ROOT)[0], atol=1e-6)


@pytest.mark.parametrize('version', [0, 1])
def test_vrm_names_its_bones_itself(version):
    names = {key: f'bone {i}' for i, key in enumerate(BONE_NAMES)}
    glb = foreign(names, half_turn=version == 0)
    if version:
        bones = {bone: {'node': i} for i, bone in enumerate(BONE_NAMES)}
        glb.content['extensions'] = {'VRMC_vrm': {'humanoid': {'humanBones': bones}}}
    else:
        bones = [{'bone': bone, 'node': i} for i, bone in enumerate(BONE_NAMES)]
        glb.content['extensions'] = {'VRM': {'humanoid': {'humanBones': bones}}}
    model = RiggedModel.of_glb(glb)
    assert model.bones == BONE_INDEX
    assert (model.facing[1] == 1) == (version == 0)
    assert model.scale == pytest.approx(1, abs=1e-4)


def test_unrigged_and_damaged_models(tmp_path):
    glb = foreign({key: f'bone {i}' for i, key in enumerate(BONE_NAMES)})
    file = tmp_path / 'a.glb'
    file.write_bytes(glb.to_bytes())
    with pytest.raises(
        ValueError, match=r'a.glb: no bone is named like hips, .*found bone 0, bone'
    ):
        RiggedModel.load(file)
    good = HUMANOID_FILE.read_bytes()
    loop = build_humanoid()
    loop.content['nodes'][5]['children'] = [0]
    odd = build_humanoid()
    odd.content['nodes'][5]['children'] = {'a': 'b'}
    external = struct.pack('<II', 80, 0x4E4F534A) + b'{"buffers":[{"uri":"x.bin"}]}'.ljust(80)
    cases = {
        b'': 'no binary glTF',
        b'glTF' + b'\1\0\0\0' + bytes(20): 'no binary glTF of version 2',
        good[:5000]: 'cut off',
        good[:20] + b'\xff' * 400 + good[420:]: 'JSON part is missing or damaged',
        loop.to_bytes(): 'its nodes are their own ancestors',
        odd.to_bytes(): 'its nodes or bones are malformed',
        good[:8] + struct.pack('<I', 12 + len(external)) + external: 'buffers are in other files',
    }
    for data, problem in cases.items():
        file.write_bytes(data)
        with pytest.raises(ValueError, match=f'a.glb: .*{problem}'):
            RiggedModel.load(file)
    with pytest.raises(FileNotFoundError, match='no 3D model'):
        RiggedModel.load(tmp_path / 'none.glb')
    loop.content['accessors'][0]['count'] = 10**9
    with pytest.raises(ValueError, match='reaches over the end of the buffer'):
        loop.read_array(0)


def test_names_of_other_rigs():
    unreal = ['root', 'pelvis', 'spine_01', 'upperarm_l', 'lowerarm_l', 'hand_l', 'upperarm_r',
              'lowerarm_r', 'thigh_l', 'calf_l', 'foot_l', 'thigh_r', 'calf_r']  # fmt: skip
    found = find_bones(unreal)
    assert (found['leftUpperArm'], found['rightUpperArm']) == (3, 6)
    assert (found['leftLowerLeg'], found['rightLowerLeg']) == (9, 12)
    assert found['hips'] == 1
    assert found['spine'] == 2
    assert not {'head', 'chest'} & set(found)
    assert find_bones([*unreal, 'spine_02'])['chest'] == len(unreal)
    roblox = [name[0].upper() + name[1:] for name in REQUIRED if name != 'hips']
    found = find_bones(['HumanoidRootPart', 'LowerTorso', 'UpperTorso', *roblox])
    assert (found['hips'], found['chest']) == (1, 2)


def test_humanoid_of_another_size():
    rig = Rig.from_proportions(Proportions.of_height(1.2))
    points = points_of(build_humanoid(rig))
    assert np.ptp(points[:, 1]) == pytest.approx(1.2, abs=0.03)


def test_published_drawing():
    assert len(load_metainfo('coco').keypoint_names) == 17
    assert max(max(pair) for pair in COCO_SKELETON) == 16
    frame = np.full((240, 320, 3), 30, np.uint8)
    joints = RIG.marker_positions(pose(), ROOT, load_metainfo('coco').keypoint_names)
    points = joints[:, :2] * (100, -100) + (160, 200)
    drawn = draw_skeleton_on_frame(frame, points)
    expected = draw_pose(frame, points, np.ones(17), load_metainfo('coco'))
    np.testing.assert_array_equal(drawn, expected)
    assert (frame == 30).all()
    assert (drawn != 30).any()
    hidden = np.column_stack([points, np.full(17, 0.1)])
    np.testing.assert_array_equal(draw_skeleton_on_frame(frame, hidden), frame)
    with pytest.raises(ValueError, match='pass the skeleton'):
        draw_skeleton_on_frame(frame, points[:5])


def test_plot_is_upright_and_to_scale():
    matplotlib.use('Agg')
    from matplotlib.figure import Figure

    ax = Figure().add_subplot(projection='3d')
    joints = RIG.marker_positions(pose(), ROOT, load_metainfo('coco').keypoint_names)
    joints[9] = np.nan
    plot_skeleton_3d(joints, ax)
    plot_skeleton_3d(joints, ax)  # the second replaces the first
    assert len(ax.lines) == len(COCO_SKELETON) - 1
    spans = [np.ptp(limits) for limits in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim())]
    np.testing.assert_allclose(spans, spans[0])
    heights = [line.get_data_3d()[2].max() for line in ax.lines]
    assert max(heights) == pytest.approx(joints[[1, 2], 1].max())
    plot_skeleton_3d(np.full((17, 3), np.nan), ax)
    assert not ax.lines
