"""3D models: skeleton plots, rigged humanoids and their motion as glTF, VRM and BVH."""

from realtime_pose.model3d.bvh import BvhClip, motion_of_clip, read_bvh, write_bvh
from realtime_pose.model3d.glb import Glb, read_glb
from realtime_pose.model3d.humanoid import HUMANOID_FILE, build_humanoid
from realtime_pose.model3d.model3d import (
    COCO_SKELETON,
    draw_skeleton_on_frame,
    plot_skeleton,
    plot_skeleton_3d,
)
from realtime_pose.model3d.motion import Motion, animated_glb, motion_of, write_animated_glb
from realtime_pose.model3d.rigged_model import RiggedModel

__all__ = [
    'COCO_SKELETON',
    'HUMANOID_FILE',
    'BvhClip',
    'Glb',
    'Motion',
    'RiggedModel',
    'animated_glb',
    'build_humanoid',
    'draw_skeleton_on_frame',
    'motion_of',
    'motion_of_clip',
    'plot_skeleton',
    'plot_skeleton_3d',
    'read_bvh',
    'read_glb',
    'write_animated_glb',
    'write_bvh',
]
