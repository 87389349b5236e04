"""Arms and legs as rods with round ends, in skin and cloth."""

from dataclasses import dataclass

import numpy as np

from toy_pose.appearance import Color, Outfit, shade
from toy_pose.outlines import View, capsule_outlines
from toy_pose.parts import BodyPart, Patch
from toy_pose.skeleton import Body

# Shading of a round rod: size of the polygon, its shift towards the light in radii, brightness.
TONES = ((1.0, 0.0, 0.74), (0.72, 0.16, 0.96), (0.36, 0.34, 1.14))


@dataclass(frozen=True)
class Rod:
    """A piece of a limb between two points in view axes; radii in body heights."""

    part: BodyPart
    start: np.ndarray  # (3,)
    end: np.ndarray  # (3,)
    start_radius: float
    end_radius: float
    color: Color
    depth: float  # the pieces of a bone share its depth, so that cloth stays over skin


def _between(first: np.ndarray, last: np.ndarray, share: float) -> np.ndarray:
    return first + share * (last - first)


def _depth(first: np.ndarray, last: np.ndarray, bias: float) -> float:
    """Depth of a bone; ``bias`` orders pieces that touch, such as a shoulder and the trunk."""
    return float(0.5 * (first[2] + last[2])) + bias


def _arm_rods(body: Body, outfit: Outfit, side: str) -> list[Rod]:
    upper, lower, hand = (
        BodyPart[f'{side.upper()}_{name}'] for name in ('UPPER_ARM', 'FOREARM', 'HAND')
    )
    shoulder, elbow, wrist, tip = (
        body.joints[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist', 'hand')
    )
    upper_depth, lower_depth = _depth(shoulder, elbow, 0.015), _depth(elbow, wrist, 0.018)
    is_covered = outfit.sleeves == 'long'
    color = outfit.shirt if is_covered else outfit.skin
    loose = outfit.looseness if is_covered else 1.0
    rods = [
        Rod(upper, shoulder, elbow, 0.032 * loose, 0.025 * loose, color, upper_depth),
        Rod(lower, elbow, wrist, 0.025 * loose, 0.018 * loose, color, lower_depth),
        Rod(hand, wrist, tip, 0.017, 0.015, outfit.skin, _depth(wrist, tip, 0.019)),
    ]
    if outfit.sleeves == 'short':
        end, radius = _between(shoulder, elbow, 0.58), 0.030 * outfit.looseness
        rods.append(Rod(upper, shoulder, end, 0.034, radius, outfit.shirt, upper_depth + 1e-4))
    return rods


def _leg_rods(body: Body, outfit: Outfit, side: str) -> list[Rod]:
    upper, lower, foot = (BodyPart[f'{side.upper()}_{name}'] for name in ('THIGH', 'SHANK', 'FOOT'))
    hip, knee, ankle, heel, toe = (
        body.joints[f'{side}_{name}'] for name in ('hip', 'knee', 'ankle', 'heel', 'toe')
    )
    upper_depth, lower_depth = _depth(hip, knee, -0.012), _depth(knee, ankle, -0.008)
    is_covered = outfit.legwear == 'trousers'
    color = outfit.trousers if is_covered else outfit.skin
    loose = 0.5 + 0.5 * outfit.looseness if is_covered else 1.0
    calf = _between(knee, ankle, 0.35)
    rods = [
        Rod(upper, hip, knee, 0.052, 0.037 * loose, color, upper_depth),
        Rod(lower, knee, calf, 0.036 * loose, 0.036 * loose, color, lower_depth),
        Rod(lower, calf, ankle, 0.036 * loose, 0.021 * loose**2, color, lower_depth),
        Rod(foot, heel, toe, 0.022, 0.018, outfit.shoes, _depth(heel, toe, -0.004)),
    ]
    if outfit.legwear == 'shorts':
        end, radius = _between(hip, knee, 0.72), 0.044 * outfit.looseness
        rods.append(Rod(upper, hip, end, 0.054, radius, outfit.trousers, upper_depth + 1e-4))
    return rods


def limb_patches(
    body: Body, outfit: Outfit, view: View, hands: list[Rod] | None = None
) -> list[Patch]:
    """Painted pieces of both arms and both legs; ``hands`` replace the plain ones."""
    rods = [
        rod
        for side in ('left', 'right')
        for rod in (*_arm_rods(body, outfit, side), *_leg_rods(body, outfit, side))
    ]
    if hands is not None:
        plain = (BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND)
        rods = [rod for rod in rods if rod.part not in plain] + hands
    scale = view.height_px * body.proportions.girth
    starts = np.stack([rod.start for rod in rods])
    ends = np.stack([rod.end for rod in rods])
    first = scale * np.array([rod.start_radius for rod in rods])
    last = scale * np.array([rod.end_radius for rod in rods])
    starts, ends = view.points(starts), view.points(ends)
    axis = (ends - starts) / np.maximum(np.linalg.norm(ends - starts, axis=1), 1.0)[:, None]
    outlines = []
    for size, shift, _ in TONES:
        move = shift * np.minimum(first, last)[:, None] * view.light
        tip = 0.9 * (1.0 - size) * axis  # all tones reach the ends, else joints get dark rings
        head, foot = starts + move - first[:, None] * tip, ends + move + last[:, None] * tip
        outlines.append(capsule_outlines(head, foot, size * first, size * last))
    patches = []
    for index, rod in enumerate(rods):
        layers = tuple(
            (outline[index], shade(rod.color, brightness))
            for outline, (_, _, brightness) in zip(outlines, TONES, strict=True)
        )
        patches.append(Patch(rod.part, rod.depth, (outlines[0][index],), layers))
    return patches
