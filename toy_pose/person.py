"""Person: a random body in random clothes, painted onto the canvas."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np

from toy_pose.appearance import Outfit, sample_outfit
from toy_pose.canvas import Canvas
from toy_pose.face import paint_landmarks, sample_landmarks
from toy_pose.fast_random import add_noise
from toy_pose.fingers import finger_rods, sample_hands
from toy_pose.head import head_patches, paint_face
from toy_pose.limbs import limb_patches
from toy_pose.outlines import View
from toy_pose.parts import PARTS_PER_PERSON, BodyPart, Patch
from toy_pose.poses import sample_pose
from toy_pose.skeleton import Body, pose_body, sample_proportions
from toy_pose.torso import trunk_patches

_SHIRT_PARTS = (BodyPart.TORSO,)
_SLEEVE_PARTS = (
    BodyPart.LEFT_UPPER_ARM,
    BodyPart.LEFT_FOREARM,
    BodyPart.RIGHT_UPPER_ARM,
    BodyPart.RIGHT_FOREARM,
)


@dataclass(frozen=True)
class Person:
    """A posed and dressed body, before it is placed in an image."""

    family: str
    body: Body
    outfit: Outfit
    details: Mapping[str, np.ndarray] = field(default_factory=dict)  # face and fingers, as joints


def sample_person(rng: np.random.Generator) -> Person:
    """A random person in a random pose."""
    pose = sample_pose(rng)
    return Person(pose.family, pose_body(pose, sample_proportions(rng)), sample_outfit(rng))


def add_details(rng: np.random.Generator, person: Person) -> Person:
    """Adds a face of 68 landmarks and fingers, which are visible in large pictures."""
    details = {**sample_landmarks(rng, person.body), **sample_hands(rng, person.body)}
    return replace(person, details=details)


def joint_extent(body: Body) -> np.ndarray:
    """Low and high corner (2, 2) around the pelvis, in body heights, y downwards."""
    points = np.stack(list(body.joints.values()))[:, :2] * (1.0, -1.0)
    margin = 0.04
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    low[1] -= margin  # the crown is the farthest from a joint
    return np.stack([low, high])


def _person_patches(person: Person, view: View) -> list[Patch]:
    rods = finger_rods(person.details, person.outfit) if person.details else None
    face = partial(paint_landmarks, person.details) if person.details else paint_face
    patches = (
        trunk_patches(person.body, person.outfit, view)
        + limb_patches(person.body, person.outfit, view, rods)
        + head_patches(person.body, person.outfit, view, face)
    )
    return sorted(patches, key=lambda patch: patch.depth)


def paint_person(
    canvas: Canvas, rng: np.random.Generator, person: Person, view: View, index: int
) -> np.ndarray:
    """Paint a person over what is there.

    Args:
        canvas: what is painted on.
        rng: source of the cloth texture.
        person: who is painted.
        view: where.
        index: number of the person in this image, which makes the ids.

    Returns:
        Low and high corner (2, 2) px of the whole silhouette, also outside the image.
    """
    patches = _person_patches(person, view)
    first_id = PARTS_PER_PERSON * index
    stamps = [(outline, first_id + patch.part) for patch in patches for outline in patch.outlines]
    canvas.fill_all([layer for patch in patches for layer in patch.layers])
    canvas.stamp_all(stamps)
    silhouette = np.concatenate([outline for outline, _ in stamps])
    region = canvas.region(silhouette)
    if canvas.ids[region].size:
        _print_cloth(canvas, person, view, index, region)
        _roughen(canvas, rng, index, region)
    return np.stack([silhouette.min(axis=0), silhouette.max(axis=0)])


def person_mask(ids: np.ndarray, index: int) -> np.ndarray:
    """Mask (H, W) uint8, 255 where an id image (H, W) shows the person."""
    first = PARTS_PER_PERSON * index + 1
    return cv2.inRange(ids, first, first + PARTS_PER_PERSON - 2)


def _roughen(
    canvas: Canvas, rng: np.random.Generator, index: int, region: tuple[slice, slice]
) -> None:
    """Folds and grain on skin and cloth."""
    image, ids = canvas.image[region], canvas.ids[region]
    rough = add_noise(image, rng, 2.0, float(rng.uniform(2, 9)))
    cv2.copyTo(rough, person_mask(ids, index), image)


def _print_cloth(
    canvas: Canvas, person: Person, view: View, index: int, region: tuple[slice, slice]
) -> None:
    """Stripes or checks on the shirt, across the trunk; they let the shading through."""
    outfit, torso = person.outfit, person.body.torso
    if outfit.shirt_pattern not in ('stripes', 'checks'):
        return
    rows, columns = np.ogrid[region]
    up = view.directions(torso[:, 1]) / view.height_px
    chest = view.points(person.body.joints['chest'])
    height = (columns - chest[0]) * up[0] + (rows - chest[1]) * up[1]
    period = outfit.pattern_period * view.height_px
    pattern = np.mod(height, period) < 0.5 * period
    if outfit.shirt_pattern == 'checks':
        across = (columns - chest[0]) * up[1] - (rows - chest[1]) * up[0]
        pattern = pattern ^ (np.mod(across, period) < 0.5 * period)
    parts = _SHIRT_PARTS + (_SLEEVE_PARTS if outfit.sleeves == 'long' else ())
    is_cloth = np.zeros(256, bool)
    is_cloth[[PARTS_PER_PERSON * index + part for part in parts]] = True
    chosen = pattern & is_cloth[canvas.ids[region]]
    image = canvas.image[region]
    image[chosen] = (0.4 * image[chosen] + 0.6 * np.array(outfit.shirt_accent)).astype(np.uint8)
