"""Bones of a rig that somebody made, found by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmpose.metainfo.keypoint_names import parse_name
from realtime_pose.ik.rig import BONE_NAMES

# Names without side, signs and capitals. Ours are those of VRM; the others are of Mixamo, and of
# BVH files, Unreal Engine (whose first spine bone is spine_01) and Roblox. A second chest bone
# follows our one.
ALIASES = {
    'hips': ('pelvis', 'hip', 'lowertorso', 'root'),
    'spine': ('spine01',),
    'chest': ('spine1', 'spine02', 'spine01', 'uppertorso'),
    'neck': ('neck1', 'neck01'),
    'shoulder': ('collar', 'clavicle'),
    'upperarm': ('arm',),
    'lowerarm': ('forearm',),
    'hand': ('wrist',),
    'upperleg': ('upleg', 'thigh'),
    'lowerleg': ('leg', 'calf', 'shin'),
    'foot': ('ankle',),
}
# Without these there is no human to pose.
REQUIRED = (
    'hips', 'leftUpperArm', 'leftLowerArm', 'rightUpperArm', 'rightLowerArm', 'leftUpperLeg',
    'leftLowerLeg', 'rightUpperLeg', 'rightLowerLeg',
)  # fmt: skip


def find_bones(names: Sequence[str]) -> dict[str, int]:
    """Returns bone -> index of the name that means it.

    Args:
        names: Names of joints or nodes, such as ``mixamorig:LeftForeArm`` or ``leftLowerArm``.

    Raises:
        ValueError: If hips, an arm or a leg is missing.
    """
    index = {_split(name): i for i, name in reversed(list(enumerate(names)))}
    found = {}
    for bone in BONE_NAMES:
        side, own = _split(bone)
        known = [(side, name) for name in (own, *ALIASES.get(own, ()))]
        match = next((name for name in known if name in index), None)
        if match is not None:
            found[bone] = index.pop(match)
    check_bones(found, names)
    return found


def check_bones(found: dict[str, int], names: Sequence[str]) -> None:
    """Raises a ValueError that names the bones without which there is no human."""
    missing = [bone for bone in REQUIRED if bone not in found]
    if missing:
        shown = ', '.join(list(names)[:8])
        raise ValueError(
            f'no bone is named like {", ".join(missing)}; expected names of VRM or Mixamo, and '
            f'found {shown or "none"}{", ..." if len(names) > 8 else ""}'
        )


def _split(name: str) -> tuple[str, str]:
    """Returns the side of a name and the rest without namespace (``mixamorig:``) and signs."""
    own = re.sub('^mixamorig', '', name.rsplit(':', 1)[-1], flags=re.IGNORECASE)
    side, words = parse_name(own)
    return side, ''.join(words)
