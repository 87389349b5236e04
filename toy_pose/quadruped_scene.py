"""Scene: a generated photograph of one to three four-legged animals, with annotations."""

from dataclasses import dataclass

import cv2
import numpy as np

from toy_pose.background import paint_background, paint_occluder
from toy_pose.canvas import Canvas
from toy_pose.fast_random import pick
from toy_pose.medium import encode_jpeg, photograph
from toy_pose.outlines import View
from toy_pose.parts import PARTS_PER_PERSON
from toy_pose.person import person_mask
from toy_pose.quadruped import JOINT_NAMES, Animal, pose_animal
from toy_pose.quadruped_kinds import KINDS, Coat, Kind, sample_build, sample_coat
from toy_pose.quadruped_paint import face_normal, paint_animal
from toy_pose.quadruped_parts import AnimalPart
from toy_pose.quadruped_poses import sample_animal_pose
from toy_pose.visibility import OCCLUDED, OUTSIDE, VISIBLE

_SIZES_WH = ((320, 240), (300, 200), (288, 216), (240, 240), (240, 320))
_SIZE_SHARES = (0.4, 0.22, 0.2, 0.1, 0.08)
_ANIMAL_SHARES = (0.6, 0.28, 0.12)  # of images with 1, 2 and 3 animals wanted
_OCCLUDER_SHARE = 0.1  # of animals with something in front
_TRUNCATED_SHARE = 0.12  # of animals, pushed over the image border
_MAX_OVERLAP = 0.35  # of the smaller of two boxes
_TRIES = 12
_MIN_VISIBLE_PX = 120  # an animal that shows less than this is not annotated
_WINDOW_SHARE = 0.02  # half side of the inspected square, in trunks
_MIN_SHOWN = 0.3  # of the square must show a part that belongs to the joint
_FACING = {'nose': -0.15, 'throat': -0.75, 'left_ear': -0.35, 'right_ear': -0.35}

_PARTS_AT_JOINT: dict[str, tuple[AnimalPart, ...]] = {
    'left_eye': (AnimalPart.HEAD,),
    'right_eye': (AnimalPart.HEAD,),
    'left_ear': (AnimalPart.HEAD, AnimalPart.LEFT_EAR),
    'right_ear': (AnimalPart.HEAD, AnimalPart.RIGHT_EAR),
    'nose': (AnimalPart.HEAD,),
    'throat': (AnimalPart.HEAD, AnimalPart.NECK),
    'neck': (AnimalPart.NECK, AnimalPart.TRUNK),
    'withers': (AnimalPart.NECK, AnimalPart.TRUNK),
    'tail_base': (AnimalPart.TAIL, AnimalPart.TRUNK),
} | {
    f'{side}_{name}': tuple(AnimalPart[f'{side.upper()}_{end}_{bone}'] for bone in bones)
    for side in ('left', 'right')
    for end, names in (
        ('FRONT', ('elbow', 'carpus', 'front_paw')),
        ('BACK', ('stifle', 'hock', 'back_paw')),
    )
    for name, bones in zip(
        names, (('UPPER',), ('UPPER', 'LOWER'), ('LOWER', 'FOOT')), strict=True
    )
}  # fmt: skip


@dataclass(frozen=True)
class AnimalLabel:
    """Annotation of one animal in img px."""

    kind: str
    family: str
    index: int  # of its ids in the id image
    keypoints: np.ndarray  # (21, 3) x, y and COCO's v of JOINT_NAMES; zeros where v is 0
    bbox_xywh: tuple[float, float, float, float]  # whole silhouette, clipped to the image
    area: int  # visible px


@dataclass(frozen=True)
class AnimalScene:
    """One image with its labels."""

    jpeg: bytes
    width: int
    height: int
    ids: np.ndarray  # (H, W) uint8, what was painted on top
    animals: list[AnimalLabel]


@dataclass(frozen=True)
class _Placed:
    kind: Kind
    animal: Animal
    coat: Coat
    view: View
    low: np.ndarray  # (2,) px
    high: np.ndarray  # (2,) px


def render_animals(rng: np.random.Generator, kinds: tuple[Kind, ...] = KINDS) -> AnimalScene:
    """Paint a random image with 1 to 3 animals, all of one kind out of ``kinds``."""
    width, height = _SIZES_WH[pick(rng, _SIZE_SHARES)]
    canvas = Canvas(width, height)
    paint_background(canvas, rng)
    kind = kinds[int(rng.integers(0, len(kinds)))]
    placed = _place_all(rng, kind, 1 + pick(rng, _ANIMAL_SHARES), np.array([width, height], float))
    silhouettes = []
    for index, place in enumerate(placed):
        corners = paint_animal(canvas, rng, place.animal, place.kind, place.coat, place.view, index)
        if rng.random() < _OCCLUDER_SHARE:
            paint_occluder(canvas, rng, corners[0], corners[1])
        silhouettes.append(corners)
    labels = [
        _label(canvas, place, index, corners)
        for index, (place, corners) in enumerate(zip(placed, silhouettes, strict=True))
    ]
    jpeg = encode_jpeg(photograph(canvas.image, rng), rng)
    seen = [label for label in labels if label is not None]
    return AnimalScene(jpeg, width, height, canvas.ids, seen)


def _place_all(
    rng: np.random.Generator, kind: Kind, wanted: int, size_wh: np.ndarray
) -> list[_Placed]:
    """Places for all animals that fit, the farthest (highest feet) first."""
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), -abs(np.sin(angle))])
    share = rng.uniform(0.45, 0.95) / (1.0, 1.35, 1.6)[wanted - 1]  # of the image's size
    placed: list[_Placed] = []
    for _ in range(wanted):
        animal = pose_animal(sample_animal_pose(rng, kind), sample_build(rng, kind))
        coat = sample_coat(rng, kind)
        place = _place(rng, animal, share * rng.uniform(0.85, 1.15), size_wh, placed)
        if place is not None:
            scale, origin, low, high = place
            placed.append(_Placed(kind, animal, coat, View(scale, origin, light), low, high))
    return sorted(placed, key=lambda place: float(place.high[1]))


def _place(
    rng: np.random.Generator,
    animal: Animal,
    share: float,
    size_wh: np.ndarray,
    others: list[_Placed],
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray] | None:
    """Length of a trunk, px, origin (2,), low and high corner (2,); None when all is crowded."""
    points = np.concatenate([np.stack(list(animal.joints.values())), animal.tail])
    points = points[:, :2] * (1.0, -1.0)
    low, high = points.min(axis=0) - 0.12, points.max(axis=0) + 0.12
    scale = share * float(np.min(size_wh / (high - low)))
    is_truncated = rng.random() < _TRUNCATED_SHARE
    for _ in range(_TRIES):
        room = size_wh - scale * (high - low)
        corner = room * rng.uniform((0.0, 0.35), 1.0)
        if is_truncated:
            cut = rng.uniform(0.1, 0.4) * scale * (high - low)
            corner = (
                (-cut[0], corner[1]),
                (room[0] + cut[0], corner[1]),
                (corner[0], room[1] + cut[1]),
            )[int(rng.integers(0, 3))]
        origin = np.array(corner) - scale * low
        box = (origin + scale * low, origin + scale * high)
        if all(_overlap(*box, other) <= _MAX_OVERLAP for other in others):
            return scale, origin, *box
    return None


def _overlap(low: np.ndarray, high: np.ndarray, other: _Placed) -> float:
    """Shared part of two boxes, relative to the smaller one."""
    shared = np.minimum(high, other.high) - np.maximum(low, other.low)
    smaller = min(float(np.prod(high - low)), float(np.prod(other.high - other.low)))
    return float(np.prod(np.maximum(shared, 0.0))) / smaller


def _label(canvas: Canvas, place: _Placed, index: int, corners: np.ndarray) -> AnimalLabel | None:
    """Returns the annotation of a painted animal, or None if almost nothing of it is visible."""
    area = int(cv2.countNonZero(person_mask(canvas.ids, index)))
    if area < _MIN_VISIBLE_PX:
        return None
    keypoints = np.zeros((len(JOINT_NAMES), 3))
    for row, name in zip(keypoints, JOINT_NAMES, strict=True):
        point = place.view.points(place.animal.joints[name])
        flag = _flag(canvas.ids, place, index, name, point)
        if flag != OUTSIDE:
            row[:] = (*point, flag)
    # Pixel i covers [i - 0.5, i + 0.5] here and [i, i + 1] in a COCO box, hence the shift.
    size_wh = (canvas.width, canvas.height)
    low, high = np.clip(corners[0] + 0.5, 0, size_wh), np.clip(corners[1] + 0.5, 0, size_wh)
    return AnimalLabel(
        kind=place.kind.name,
        family=place.animal.family,
        index=index,
        keypoints=keypoints,
        bbox_xywh=(*low.tolist(), *(high - low).tolist()),
        area=area,
    )


def _flag(ids: np.ndarray, place: _Placed, index: int, name: str, point: np.ndarray) -> int:
    """COCO's v of a joint at ``point`` (2,) px, read from the id image (H, W)."""
    height, width = ids.shape
    if not (0 <= point[0] <= width - 1 and 0 <= point[1] <= height - 1):
        return OUTSIDE
    if _is_turned_away(place.animal, name):
        return OCCLUDED
    x, y = round(float(point[0])), round(float(point[1]))
    reach = max(1, round(_WINDOW_SHARE * place.view.height_px))
    window = ids[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    own = [PARTS_PER_PERSON * index + part for part in _PARTS_AT_JOINT[name]]
    shown = np.isin(window, own)
    is_painted = person_mask(ids[y : y + 1, x : x + 1], index).any()
    return VISIBLE if is_painted and shown.mean() >= _MIN_SHOWN else OCCLUDED


def _is_turned_away(animal: Animal, name: str) -> bool:
    """Whether the animal itself hides a joint that lies on its surface."""
    if name.endswith('eye') or name in _FACING:
        return face_normal(animal, name) < _FACING.get(name, 0.0)
    if name == 'tail_base':
        return bool(animal.trunk[2, 2] > 0.55)
    if name in ('neck', 'withers'):
        return bool(animal.trunk[2, 2] < -0.85)
    return False
