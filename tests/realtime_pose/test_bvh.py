"""BVH files of ours, and of others."""

import numpy as np
import pytest
from motions import angle_between, pose, random_pose, walking

from realtime_pose.ik import Proportions, Rig
from realtime_pose.ik.quaternions import from_rotvec, to_matrix
from realtime_pose.ik.rig import BONE_INDEX, BONE_NAMES
from realtime_pose.model3d import Motion, motion_of_clip, read_bvh, write_bvh
from realtime_pose.model3d.bvh import euler_angles

Rotation = pytest.importorskip('scipy.spatial.transform').Rotation


def motion(rig):
    local = np.stack(
        [*(walking(i / 10) for i in range(10)), random_pose(np.random.default_rng(0), 1)]
    )
    local[3, 0] = from_rotvec([np.pi / 2, 0, 0])  # where the angles are not unique
    return Motion(rig, 25.0, local, np.random.default_rng(0).normal(size=(11, 3)))


@pytest.mark.parametrize('scale', [1.0, 100.0])
def test_round_trip(tmp_path, scale):
    rig = Rig.from_proportions(Proportions(thigh=0.5, forearm=0.2))
    sent = motion(rig)
    write_bvh(sent, tmp_path / 'a.bvh', scale)
    clip = read_bvh(tmp_path / 'a.bvh')
    assert set(clip.names) == set(BONE_NAMES)
    read = motion_of_clip(clip, scale)
    assert read.fps == pytest.approx(25)
    assert angle_between(read.rotations, sent.rotations).max() < 1e-6  # 6 digits of a degree
    np.testing.assert_allclose(read.roots, sent.roots, atol=1e-6)
    ours, theirs = (m.rig.forward(m.rotations, m.roots)[0] for m in (sent, read))
    np.testing.assert_allclose(theirs, ours, atol=2e-5)
    assert len(clip.ends) == 5


def test_angles_are_those_of_the_format():
    """``CHANNELS Zrotation Xrotation Yrotation`` is Rz Rx Ry."""
    rng = np.random.default_rng(0)
    quaternions = from_rotvec(rng.normal(size=(40, 3)))
    expected = Rotation.from_quat(quaternions).as_euler('ZXY')
    np.testing.assert_allclose(euler_angles(quaternions), expected, atol=1e-9)
    locked = from_rotvec(np.array([[np.pi / 2, 0, 0], [0, 0, 0]]))
    back = Rotation.from_euler('ZXY', euler_angles(locked)).as_matrix()
    np.testing.assert_allclose(back, to_matrix(locked), atol=1e-9)


OTHER = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation
  JOINT Chest
  {
    OFFSET 0 20 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    {
      OFFSET 0 15 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
0 90 0 10 20 30 5 6 7
1 91 2 0 0 0 0 0 90
"""


def test_other_orders_of_channels(tmp_path):
    file = tmp_path / 'a.bvh'
    file.write_text(OTHER.replace('\n', '\r\n'))
    clip = read_bvh(file)
    assert (clip.names, clip.parents, clip.fps) == (('Hips', 'Chest'), (-1, 0), 25)
    np.testing.assert_allclose(clip.positions, [[0, 90, 0], [1, 91, 2]])
    expected = [
        Rotation.from_euler('XYZ', [10, 20, 30], degrees=True).as_quat(),
        Rotation.from_euler('YXZ', [5, 6, 7], degrees=True).as_quat(),
    ]
    np.testing.assert_allclose(np.abs(np.sum(clip.rotations[0] * expected, axis=-1)), 1)
    np.testing.assert_allclose(clip.ends[1], [0, 15, 0])
    with pytest.raises(ValueError, match='no bone is named like leftUpperArm'):
        motion_of_clip(clip)


@pytest.mark.parametrize(
    ('old', 'new', 'problem'),
    [
        ('HIERARCHY', 'HIERARCHIE', "line 1 has 'HIERARCHIE', expected HIERARCHY"),
        ('20 0\n', '20 x\n', "line 8 has 'x', expected a number"),
        ('20 0\n', '20 nan\n', "line 8 has 'nan', expected a number"),
        ('Xrotation Zrotation\n', 'Xrotation Wrotation\n', "has 'Wrotation', expected a channel"),
        ('End Site', 'Stop Site', "has 'Stop', expected JOINT or }"),
        ('Frames: 2', 'Frames: 3', 'ends in line 20, in the middle of something'),
        ('Frames: 2', 'Frames: 1', "line 20 has '1' after the last frame"),
        ('Frames: 2', 'Frames: 99999999', 'frames of 0.04 s each cannot be read'),
        ('0.04', '0', 'cannot be read'),
    ],
)
def test_malformed(tmp_path, old, new, problem):
    file = tmp_path / 'a.bvh'
    assert old in OTHER
    file.write_text(OTHER.replace(old, new, 1))
    with pytest.raises(ValueError, match=f'a.bvh: .*{problem}'):
        read_bvh(file)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no BVH file'):
        read_bvh(tmp_path / 'none.bvh')


def test_other_rest_pose_is_refused(tmp_path):
    rig = Rig.default()
    offsets = rig.offsets.copy()
    offsets[BONE_INDEX['leftLowerArm']] = (0, -0.3, 0)
    still = np.stack([pose(), pose()])
    write_bvh(
        Motion(Rig(rig.proportions, offsets), 25, still, np.zeros((2, 3))), tmp_path / 'a.bvh'
    )
    with pytest.raises(ValueError, match='leftLowerArm does not rest in the T-pose'):
        motion_of_clip(read_bvh(tmp_path / 'a.bvh'))
