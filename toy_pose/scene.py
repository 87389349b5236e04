"""Scene: a generated photograph of people with annotations."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from toy_pose.background import paint_background, paint_occluder, paint_seat
from toy_pose.canvas import Canvas
from toy_pose.fast_random import pick
from toy_pose.head import skull_outline
from toy_pose.landmarks import landmark_points
from toy_pose.medium import encode_jpeg, photograph
from toy_pose.person import add_details, paint_person, person_mask, sample_person
from toy_pose.placement import DEFAULT_STYLE, Placement, SceneStyle, place_persons
from toy_pose.visibility import OUTSIDE, keypoint_flag

_MIN_VISIBLE_PX = 60  # a person that shows less than this is not annotated


@dataclass(frozen=True)
class PersonLabel:
    """Annotation of one person in img px."""

    family: str
    keypoints: np.ndarray  # (K, 3) x, y and COCO's v; zeros where v is 0
    bbox_xywh: tuple[float, float, float, float]  # whole silhouette, clipped to the image
    area: int  # visible px
    hidden_share: float  # of the silhouette inside the image, covered by others or objects
    outside_share: float  # of the box around the silhouette, outside the image
    polygons: list[list[float]]  # outlines of what is visible, COCO's x, y, x, y, ...
    head_xyxy: tuple[float, float, float, float]  # box of the skull, also where it is hidden


@dataclass(frozen=True)
class Scene:
    """One image with its labels."""

    jpeg: bytes
    width: int
    height: int
    persons: list[PersonLabel]
    masks: list[np.ndarray]  # (H, W) uint8 of each person, 255 where it can be seen


def render_scene(
    rng: np.random.Generator,
    keypoint_names: tuple[str, ...],
    style: SceneStyle = DEFAULT_STYLE,
    treat: Callable[[np.ndarray, np.random.Generator], np.ndarray] = photograph,
) -> Scene:
    """Paint a random image with people.

    Args:
        rng: The only source of chance.
        keypoint_names: Labelled keypoints in order; names of `landmark_points`.
        style: Style of the scene.
        treat: Turns the painting (H, W, 3) uint8 into the picture of the same size.
    """
    width, height = style.sizes_wh[pick(rng, style.size_shares)]
    canvas = Canvas(width, height)
    paint_background(canvas, rng)
    wanted = 1 + pick(rng, style.person_shares)
    persons = [sample_person(rng) for _ in range(wanted)]
    if style.has_details:
        persons = [add_details(rng, person) for person in persons]
    placements = place_persons(rng, persons, width, height, style)
    silhouettes = [
        _paint(canvas, rng, place, index, style.occluder_share)
        for index, place in enumerate(placements)
    ]
    labels = [
        _label(canvas, place, index, corners, own_area, keypoint_names)
        for index, (place, (corners, own_area)) in enumerate(
            zip(placements, silhouettes, strict=True)
        )
    ]
    jpeg = encode_jpeg(treat(canvas.image, rng), rng)
    known = [(index, label) for index, label in enumerate(labels) if label is not None]
    masks = [person_mask(canvas.ids, index) for index, _ in known]
    return Scene(jpeg, width, height, [label for _, label in known], masks)


def _paint(
    canvas: Canvas,
    rng: np.random.Generator,
    place: Placement,
    index: int,
    occluder_share: float,
) -> tuple[np.ndarray, int]:
    """Paint one person with seat, shadow and occluder.

    Returns:
        Corners (2, 2) px of the silhouette and its area in px inside the image.
    """
    view = place.view
    if place.person.family == 'sitting':
        paint_seat(canvas, rng, view.origin, float(place.high[1]), 0.16 * view.height_px)
    elif place.person.family != 'lying' and rng.random() < 0.6:
        _paint_shadow(canvas, rng, place)
    corners = paint_person(canvas, rng, place.person, view, index)
    own_area = int(cv2.countNonZero(person_mask(canvas.ids, index)))
    is_upright = corners[1, 1] - corners[0, 1] > corners[1, 0] - corners[0, 0]
    if is_upright and rng.random() < occluder_share:
        paint_occluder(canvas, rng, corners[0], corners[1])
    return corners, own_area


def _paint_shadow(canvas: Canvas, rng: np.random.Generator, place: Placement) -> None:
    """Darken the ground under the feet."""
    center = (int(place.view.origin[0]), int(place.high[1] - 0.03 * place.view.height_px))
    half = (
        max(3, int(0.4 * (place.high[0] - place.low[0]))),
        max(2, int(place.view.height_px / 30)),
    )
    low = np.array(center) - half
    region = canvas.region(np.stack([low, np.array(center) + half]))
    ground = canvas.image[region]
    if not ground.size:
        return
    mask = np.zeros(ground.shape[:2], np.uint8)
    local = (center[0] - region[1].start, center[1] - region[0].start)
    cv2.ellipse(mask, local, half, 0, 0, 360, 255, -1)
    darker = cv2.convertScaleAbs(ground, alpha=float(rng.uniform(0.45, 0.8)))
    cv2.copyTo(darker, mask, ground)


def _label(
    canvas: Canvas,
    place: Placement,
    index: int,
    corners: np.ndarray,
    own_area: int,
    keypoint_names: tuple[str, ...],
) -> PersonLabel | None:
    """Returns the annotation of a painted person, or None if almost nothing of it is visible."""
    mask = person_mask(canvas.ids, index)
    area = int(cv2.countNonZero(mask))
    if area < _MIN_VISIBLE_PX:
        return None
    view = place.view
    points = view.points(landmark_points(place.person, keypoint_names))
    keypoints = np.zeros((len(keypoint_names), 3))
    for row, name, point in zip(keypoints, keypoint_names, points, strict=True):
        flag = keypoint_flag(canvas.ids, place.person, index, name, point, view.height_px)
        if flag != OUTSIDE:
            row[:] = (*point, flag)
    # Pixel i covers [i - 0.5, i + 0.5] here and [i, i + 1] in a COCO box, hence the shift.
    low, high = corners + 0.5
    inside_low = np.clip(low, 0, (canvas.width, canvas.height))
    inside_high = np.clip(high, 0, (canvas.width, canvas.height))
    inside = inside_high - inside_low
    skull = skull_outline(place.person.body, view)
    return PersonLabel(
        family=place.person.family,
        keypoints=keypoints,
        bbox_xywh=(*inside_low.tolist(), *inside.tolist()),
        area=area,
        hidden_share=1.0 - area / own_area,
        outside_share=1.0 - float(np.prod(inside) / np.prod(high - low)),
        polygons=_polygons(mask),
        head_xyxy=(*skull.min(axis=0).tolist(), *skull.max(axis=0).tolist()),
    )


def _polygons(mask: np.ndarray) -> list[list[float]]:
    """Outlines of a mask (H, W) uint8, to about a pixel; specks are left out."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    simple = [cv2.approxPolyDP(outline, 0.8, True) for outline in outlines]
    return [outline.reshape(-1).tolist() for outline in simple if len(outline) >= 3]
