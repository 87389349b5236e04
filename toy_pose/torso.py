"""Trunk, neck and skirt: hulls over elliptic cross-sections of the body."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from toy_pose.appearance import Color, Outfit, shade
from toy_pose.limbs import TONES
from toy_pose.outlines import View, convex_hull, ellipse_outline
from toy_pose.parts import BodyPart, Patch
from toy_pose.skeleton import Body

_FRONT_SEEN = 0.3  # how much a chest must face the camera to show collar and print


class _Section(NamedTuple):
    """An elliptic cross-section of the trunk, in view axes and body heights."""

    center: np.ndarray  # (3,)
    axes: np.ndarray  # (3, 3); the ellipse lies across the second column
    half_width: float
    half_depth: float


def _rings(view: View, sections: list[_Section]) -> np.ndarray:
    """Outlines (S, 16, 2) px of S cross-sections."""
    centers = np.stack([section.center for section in sections])
    sides = np.stack([section.half_width * section.axes[:, 0] for section in sections])
    fronts = np.stack([section.half_depth * section.axes[:, 2] for section in sections])
    return ellipse_outline(
        view.points(centers)[:, None],
        view.directions(sides)[:, None],
        view.directions(fronts)[:, None],
    )


def _shaded(
    part: BodyPart, depth: float, rings: np.ndarray, color: Color, light: np.ndarray
) -> Patch:
    """Hulls over consecutive rings (S, N, 2) px, painted tone by tone so that no seam shows."""
    centers = rings.mean(axis=1, keepdims=True)
    radius = 0.25 * float(np.ptp(rings, axis=(0, 1)).min())
    hulls, layers = [], []
    for size, shift, brightness in TONES:
        inner = centers + size * (rings - centers) + shift * radius * light
        tone = shade(color, brightness)
        for pair in pairwise(inner):
            hull = convex_hull(np.concatenate(pair))
            layers.append((hull, tone))
            hulls.append(hull)
    return Patch(part, depth, tuple(hulls[: len(rings) - 1]), tuple(layers))


def _trunk_sections(body: Body) -> list[_Section]:
    """Five sections of the shirt, three of the pelvis, two of the neck, from top to bottom each."""
    lengths, chest, neck = body.proportions, body.joints['chest'], body.joints['neck']
    torso, pelvis, up = body.torso, body.pelvis, body.pelvis[:, 1]
    girth = 0.4 + 0.6 * lengths.girth
    shoulders, hips = lengths.half_shoulders, lengths.half_hips + 0.035 * girth
    waist = 0.475 * (0.8 * shoulders + hips) * (0.25 + 0.75 * girth)
    return [
        _Section(neck + 0.008 * torso[:, 1], torso, 0.04, 0.03),
        _Section(chest - 0.01 * torso[:, 1], torso, shoulders, 0.042 * girth),
        _Section(0.72 * chest, torso, 0.92 * shoulders * girth, 0.064 * girth),
        _Section(0.38 * chest, 0.5 * (pelvis + torso), waist, 0.06 * girth),
        _Section(0.02 * up, pelvis, hips, 0.062 * girth),
        _Section(0.05 * up, pelvis, hips, 0.058 * girth),
        _Section(-0.025 * up, pelvis, 0.97 * hips, 0.058 * girth),
        _Section(-0.055 * up, pelvis, 0.05, 0.04 * girth),
        _Section(body.joints['head'] - 0.03 * body.head[:, 1], body.head, 0.03, 0.03),
        _Section(neck - 0.004 * torso[:, 1], torso, 0.031, 0.029),
    ]


def trunk_patches(body: Body, outfit: Outfit, view: View) -> list[Patch]:
    """Painted pieces of shirt, pelvis and neck, and of a skirt if there is one."""
    shirt, pelvis, neck = np.split(_rings(view, _trunk_sections(body)), (5, 8))
    shirt_depth = float(0.5 * body.joints['chest'][2])
    neck_depth = float(0.5 * (body.joints['neck'][2] + body.joints['head'][2]))
    patches = [
        _shaded(BodyPart.PELVIS, -0.03, pelvis, outfit.trousers, view.light),
        _shaded(BodyPart.TORSO, shirt_depth, shirt, outfit.shirt, view.light),
        _shaded(BodyPart.NECK, neck_depth, neck, shade(outfit.skin, 0.9), view.light),
    ]
    if body.torso[2, 2] > _FRONT_SEEN:
        patches.append(_front_patch(body, outfit, view, shirt_depth + 1e-3))
    if outfit.legwear in ('skirt', 'dress'):
        patches.append(_skirt_patch(body, outfit, view, pelvis[0]))
    return patches


def _front_patch(body: Body, outfit: Outfit, view: View, depth: float) -> Patch:
    """Marks of the front of a shirt: an open collar and a print."""
    marks: list[tuple[np.ndarray, Color]] = []  # corners (N, 3) from the chest in torso axes
    if outfit.has_open_collar:
        corners = [[-0.032, 0.0, 0.035], [0.032, 0.0, 0.035], [0.0, -0.06, 0.055]]
        marks.append((np.array(corners), outfit.skin))
    if outfit.shirt_pattern == 'print':
        corners = [[x, y, 0.066] for x in (-0.05, 0.05) for y in (-0.07, -0.14)]
        marks.append((np.array(corners), outfit.shirt_accent))
    chest = body.joints['chest']
    layers = tuple(
        (convex_hull(view.points(chest + corners @ body.torso.T)), color)
        for corners, color in marks
    )
    return Patch(BodyPart.TORSO, depth, (), layers)


def _skirt_patch(body: Body, outfit: Outfit, view: View, waist: np.ndarray) -> Patch:
    """A skirt that ends above the knees, so that it hides no joint but the hips."""
    hem, depth = [], -0.005
    radius = 0.056 * outfit.looseness * body.proportions.girth * view.height_px
    for side in ('left', 'right'):
        hip, knee = body.joints[f'{side}_hip'], body.joints[f'{side}_knee']
        place = hip + 0.62 * (knee - hip)
        hem.append(
            ellipse_outline(
                view.points(place), np.array([radius, 0.0]), np.array([0.0, 0.55 * radius])
            )
        )
        depth = max(depth, float(0.5 * (hip[2] + place[2])) + 0.002)
    rings = np.stack([np.concatenate([waist, waist]), np.concatenate(hem)])  # (2, 32, 2)
    return _shaded(BodyPart.SKIRT, depth, rings, outfit.trousers, view.light)
