"""One generated studio photograph of one or two hands, with its annotations."""

from dataclasses import dataclass

import numpy as np

from toy_pose.appearance import random_color, random_skin, shade
from toy_pose.background import paint_background
from toy_pose.canvas import Canvas
from toy_pose.fast_random import pick, smooth_field
from toy_pose.hand import WRIST, Hand, pose_hand, sample_hand_pose
from toy_pose.hand_camera import STAGE, UP, HandCamera
from toy_pose.hand_paint import HandStyle, paint_hands
from toy_pose.medium import encode_jpeg, photograph
from toy_pose.skeleton import rotation_x, rotation_y, rotation_z

_TYPE_SHARES = (0.3, 0.3, 0.4)  # of images with a right hand, a left hand, both
HAND_TYPES = ('right', 'left', 'interacting')
_TRUNCATED_SHARE = 0.08  # of hands, pushed towards the image's border
_STUDIO_SHARE = 0.6  # of images before a dark wall and a shirt


@dataclass(frozen=True)
class HandLabel:
    """Annotation of one image."""

    hand_type: str  # one of HAND_TYPES
    right: np.ndarray | None  # (21, 3) mm, world
    left: np.ndarray | None


@dataclass(frozen=True)
class HandScene:
    """One image with its label."""

    jpeg: bytes
    label: HandLabel
    ids: np.ndarray  # (H, W) uint8, what was painted on top
    hands: list[Hand]  # in the order of the ids


def render_hands(rng: np.random.Generator, camera: HandCamera) -> HandScene:
    """Paint a random image of hands as the camera sees them."""
    canvas = Canvas(camera.width, camera.height)
    skin = random_skin(rng)
    look = HandStyle(
        skin=skin,
        nail=shade(skin, 1.3),
        sleeve=random_color(rng),
        sleeve_from=float(rng.uniform(0.15, 0.9)),
    )
    if rng.random() < _STUDIO_SHARE:
        _paint_studio(canvas, rng, look)
    else:
        paint_background(canvas, rng)
    hand_type = HAND_TYPES[pick(rng, _TYPE_SHARES)]
    sides = {'right': (True,), 'left': (False,), 'interacting': (True, False)}[hand_type]
    size = float(rng.uniform(0.9, 1.1))
    hands = [_sample_hand(rng, is_right, len(sides) == 2, size) for is_right in sides]
    elbows = [_elbow(rng, hand) for hand in hands]
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), -abs(np.sin(angle))])
    paint_hands(canvas, hands, elbows, camera, light, look)
    found = {hand.is_right: hand.joints for hand in hands}
    label = HandLabel(hand_type, found.get(True), found.get(False))
    return HandScene(encode_jpeg(photograph(canvas.image, rng), rng), label, canvas.ids, hands)


def _sample_hand(
    rng: np.random.Generator, is_right: bool, is_one_of_two: bool, size: float
) -> Hand:
    """Returns a random hand that points roughly upwards, on its person's side of the stage."""
    # The person faces the camera at the world's origin, so its right is the world's left.
    side = -1.0 if is_right else 1.0
    upright = np.stack([np.cross(UP, [0.0, 0.0, 1.0]), UP, [0.0, 0.0, 1.0]], axis=1)
    turn = rotation_y(rng.uniform(-180, 180)) if rng.random() < 0.5 else rotation_y(
        rng.normal(0, 40) + (180 if rng.random() < 0.5 else 0)
    )  # fmt: skip
    tilt = rotation_z(side * rng.uniform(-70, 25)) @ rotation_x(rng.normal(0, 28))
    rotation = upright @ tilt @ turn
    apart = rng.uniform(22, 75) if is_one_of_two else rng.uniform(-20, 20)
    if rng.random() < _TRUNCATED_SHARE:
        apart += rng.uniform(70, 120)
    place = STAGE + np.array([side * apart, *rng.normal(0, 16, 2)])
    wrist = place - 75.0 * size * rotation[:, 1]
    return pose_hand(sample_hand_pose(rng), is_right, rotation, wrist, size)


def _elbow(rng: np.random.Generator, hand: Hand) -> np.ndarray:
    """Unit vector (3,) in the world from the wrist to the elbow: mostly on along the hand."""
    back = -hand.axes[:, 1] + rng.normal(0, 0.25, 3)
    back = back / np.linalg.norm(back)
    lowered = back - 0.35 * UP
    return lowered / np.linalg.norm(lowered)


def _paint_studio(canvas: Canvas, rng: np.random.Generator, look: HandStyle) -> None:
    """A dark wall with lamps, and a shirt."""
    width, height = canvas.width, canvas.height
    canvas.image[:] = smooth_field(rng, height, width, 3, 2, 40, 0.1)
    for _ in range(int(rng.integers(0, 6))):
        lamp, radius = rng.uniform(0, 1, 2) * (width, height), rng.uniform(2, 5)
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        disc = lamp + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        canvas.fill(disc, (235.0, 240.0, 245.0))
    left = rng.uniform(-0.2, 0.5) * width
    right = left + rng.uniform(0.5, 1.0) * width
    top = rng.uniform(-0.4, 0.3) * height
    shirt = np.array(
        [[left + 0.12 * width, top], [right - 0.12 * width, top], [right, height], [left, height]]
    )
    canvas.fill(shirt, shade(look.sleeve, 0.8))
    step = rng.uniform(10, 30)
    if rng.random() < 0.4:
        for x in np.arange(left + step, right - step, step):
            canvas.line(
                np.array([x, max(top, 0)]), np.array([x, height]), shade(look.sleeve, 0.6), 2
            )


def valid_joints(label: HandLabel, camera: HandCamera) -> np.ndarray:
    """Returns whether each of 42 joints, right hand first, exists inside the image, (42,) bool."""
    flags = np.zeros(2 * (WRIST + 1), bool)
    limit = (camera.width - 1, camera.height - 1)
    for start, joints in ((0, label.right), (WRIST + 1, label.left)):
        if joints is not None:
            points = camera.project(joints)
            flags[start : start + WRIST + 1] = ((points >= 0) & (points <= limit)).all(axis=1)
    return flags
