"""Painting of hands under a pinhole camera: rods for the fingers, a hull for the palm."""

from dataclasses import dataclass, replace

import numpy as np

from toy_pose.appearance import Color, shade
from toy_pose.canvas import Canvas
from toy_pose.hand import FINGERS, RADII, WRIST, Hand
from toy_pose.hand_camera import HandCamera
from toy_pose.limbs import TONES
from toy_pose.outlines import capsule_outlines, convex_hull, ellipse_outline

ARM_ID, PALM_ID = 1, 2  # of a hand in the id image; its fingers are 3 to 7
IDS_PER_HAND = 10  # the ids of hand i are 10 * i + part
_WRIST_RADIUS = 19.0  # mm
_ARM_RADIUS, _ARM_LENGTH = 34.0, 230.0  # mm
_PALM_EDGE = 10.0  # mm round the joints of the palm


@dataclass(frozen=True)
class HandStyle:
    """Colours of a hand and of the sleeve above it."""

    skin: Color
    nail: Color
    sleeve: Color
    sleeve_from: float  # share of the forearm that is bare


@dataclass(frozen=True)
class _Piece:
    depth: float  # mm from the camera; the far pieces are painted first
    part: int
    outline: np.ndarray  # (N, 2) px, convex
    layers: list[tuple[np.ndarray, Color]]


def finger_id(finger: int) -> int:
    """Part id of a finger, 0 the thumb."""
    return 3 + finger


def _px(camera: HandCamera, point: np.ndarray, radius: float) -> float:
    """Radius in px of a ball of ``radius`` mm at ``point`` (3,) in the world."""
    return float(radius * camera.focal.mean() / camera.to_camera(point)[2])


def _rod(
    camera: HandCamera,
    light: np.ndarray,
    part: int,
    ends: tuple[np.ndarray, np.ndarray],
    radii: tuple[float, float],
    color: Color,
    bias: float = 0.0,
) -> _Piece:
    """A rod between two points (3,) in the world with radii in mm."""
    start, end = (camera.project(point)[None] for point in ends)
    first, last = (np.array([_px(camera, p, r)]) for p, r in zip(ends, radii, strict=True))
    layers = []
    for size, shift, brightness in TONES:
        move = shift * min(first[0], last[0]) * light
        outline = capsule_outlines(start + move, end + move, size * first, size * last)[0]
        layers.append((outline, shade(color, brightness)))
    depth = float(np.mean([camera.to_camera(point)[2] for point in ends]))
    return _Piece(depth - bias, part, layers[0][0], layers)


def _arm_pieces(
    hand: Hand, camera: HandCamera, light: np.ndarray, elbow: np.ndarray, look: HandStyle
) -> list[_Piece]:
    wrist, size = hand.joints[WRIST], hand.size
    arm = wrist + _ARM_LENGTH * size * elbow
    cuff = wrist + look.sleeve_from * (arm - wrist)
    radii = (_WRIST_RADIUS * size, _ARM_RADIUS * size)
    middle = radii[0] + look.sleeve_from * (radii[1] - radii[0])
    skin = _rod(camera, light, ARM_ID, (wrist, arm), radii, look.skin, -60.0)
    wide = (1.25 * middle, 1.3 * radii[1])
    sleeve = _rod(camera, light, ARM_ID, (cuff, arm), wide, look.sleeve)
    return [skin, replace(sleeve, depth=skin.depth - 1.0)]  # cloth stays over skin


def _palm_piece(hand: Hand, camera: HandCamera, light: np.ndarray, look: HandStyle) -> _Piece:
    """Hull of discs round the wrist's edges and the knuckles of the four fingers."""
    joints, size, lateral = hand.joints, hand.size, hand.axes[:, 0]
    knuckles = [joints[4 * finger + 3] for finger in range(1, 5)]
    heel = [joints[WRIST] + offset * size * lateral for offset in (-13.0, 14.0)]
    edge = 0.5 * (heel[1] + knuckles[3]) + 6.0 * size * lateral
    corners = [*heel, edge, *knuckles]
    centers = np.stack([camera.project(point) for point in corners])
    layers = []
    for tone, shift, brightness in TONES:
        discs = []
        for point, center in zip(corners, centers, strict=True):
            radius = _px(camera, point, _PALM_EDGE * size)
            place = centers.mean(axis=0) + (0.3 + 0.7 * tone) * (center - centers.mean(axis=0))
            place = place + shift * radius * light
            discs.append(
                ellipse_outline(
                    place, np.array([tone * radius, 0.0]), np.array([0.0, tone * radius])
                )
            )
        layers.append((convex_hull(np.concatenate(discs)), shade(look.skin, brightness)))
    middle = joints[[4 * finger + 3 for finger in range(1, 5)] + [WRIST]].mean(axis=0)
    return _Piece(float(camera.to_camera(middle)[2]), PALM_ID, layers[0][0], layers)


def _finger_pieces(
    hand: Hand, camera: HandCamera, light: np.ndarray, finger: int, look: HandStyle
) -> list[_Piece]:
    part, pieces = finger_id(finger), []
    radii = RADII[finger] * hand.size
    joints = hand.joints[4 * finger : 4 * finger + 4]
    if finger == 0:  # the ball of the thumb
        ends = (joints[3], hand.joints[WRIST])
        pieces.append(_rod(camera, light, part, ends, (radii[3], 14.0 * hand.size), look.skin, 3.0))
    for bone in (2, 1, 0):  # from the knuckle to the tip
        ends = (joints[bone + 1], joints[bone])
        size = (float(radii[bone + 1]), float(radii[bone]))
        pieces.append(_rod(camera, light, part, ends, size, look.skin, 4.0))
    pieces.append(_nail(hand, camera, finger, pieces[-1].depth, look))
    return [piece for piece in pieces if piece.layers]


def _nail(hand: Hand, camera: HandCamera, finger: int, depth: float, look: HandStyle) -> _Piece:
    """The nail, where the back of the fingertip faces the camera."""
    tip, joint = hand.joints[4 * finger], hand.joints[4 * finger + 1]
    back = hand.back[4 * finger]
    towards = camera.position - tip
    facing = float(back @ towards / np.linalg.norm(towards))
    along = (tip - joint) / np.linalg.norm(tip - joint)
    radius = float(RADII[finger][0]) * hand.size
    corners = np.stack(
        [
            tip + 0.75 * radius * back + radius * (x * np.cross(along, back) + y * along)
            for x, y in ((-0.55, -0.6), (0.55, -0.6), (0.5, 0.6), (0.0, 0.85), (-0.5, 0.6))
        ]
    )
    outline = convex_hull(camera.project(corners))
    layers = [(outline, look.nail)] if facing > 0.25 else []
    return _Piece(depth - 0.01, finger_id(finger), outline, layers)


def paint_hands(
    canvas: Canvas,
    hands: list[Hand],
    elbows: list[np.ndarray],
    camera: HandCamera,
    light: np.ndarray,
    look: HandStyle,
) -> None:
    """Paint the hands of one person, the far pieces first.

    Args:
        canvas: Canvas to paint on.
        hands: One or two.
        elbows: (3,) each, unit vector in the world from the wrist to the elbow.
        camera: The camera.
        light: (2,), img direction towards the light.
        look: Colours.
    """
    pieces: list[tuple[_Piece, int]] = []
    for index, (hand, elbow) in enumerate(zip(hands, elbows, strict=True)):
        found = [*_arm_pieces(hand, camera, light, elbow, look)]
        found.append(_palm_piece(hand, camera, light, look))
        for finger in range(len(FINGERS)):
            found += _finger_pieces(hand, camera, light, finger, look)
        pieces += [(piece, IDS_PER_HAND * index + piece.part) for piece in found]
    pieces.sort(key=lambda pair: -pair[0].depth)
    for piece, object_id in pieces:
        canvas.fill_all(piece.layers)
        canvas.stamp_all([(piece.outline, object_id)])
