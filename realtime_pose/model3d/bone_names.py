"""Which bone of somebody's rig is which of ours, by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from realtime_pose.ik.rig import BONE_NAMES

# Names as they are after `_plain`. Ours are those of VRM; the others are of Mixamo, and of BVH
# files, Unreal Engine (whose first spine bone is spine_01) and Roblox. A second chest bone follows
# our one.
ALIASES = {
    'hips': ('pelvis', 'hip', 'lowertorso', 'root'),
    'spine': ('spine01',),
    'chest': ('spine1', 'spine02', 'spine01', 'uppertorso'),
    'neck': ('neck1', 'neck01'),
    'head': (),
    'leftShoulder': ('leftcollar', 'claviclel', 'lclavicle'),
    'leftUpperArm': ('leftarm', 'upperarml', 'lupperarm'),
    'leftLowerArm': ('leftforearm', 'lowerarml', 'lforearm'),
    'leftHand': ('handl', 'lhand', 'leftwrist'),
    'leftUpperLeg': ('leftupleg', 'leftthigh', 'thighl', 'lthigh'),
    'leftLowerLeg': ('leftleg', 'leftcalf', 'leftshin', 'calfl', 'lcalf'),
    'leftFoot': ('footl', 'lfoot', 'leftankle'),
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
    index = {_plain(name): i for i, name in reversed(list(enumerate(names)))}
    found = {}
    for bone in BONE_NAMES:
        known = [bone.lower(), *_aliases(bone)]
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


def _aliases(bone: str) -> tuple[str, ...]:
    if not bone.startswith('right'):
        return ALIASES[bone]
    left = ALIASES[bone.replace('right', 'left')]
    return tuple(_mirrored(name) for name in left)


def _mirrored(name: str) -> str:
    if name.startswith('left'):
        return 'right' + name[4:]
    return 'r' + name[1:] if name.startswith('l') and name[1:2] != 'o' else name[:-1] + 'r'


def _plain(name: str) -> str:
    """Returns a name without its namespace (``mixamorig:``), signs and capitals."""
    return re.sub(r'[^a-z0-9]', '', name.rsplit(':', 1)[-1].lower().removeprefix('mixamorig'))
