"""Background and occluders: rooms, streets, clutter, furniture."""

from collections.abc import Callable

import cv2
import numpy as np

from toy_pose.appearance import Color, random_color, random_skin, shade
from toy_pose.canvas import OBJECT_ID, Canvas
from toy_pose.fast_random import add_noise, pick, smooth_field
from toy_pose.outlines import capsule_outlines, ellipse_outline


def paint_background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paints a random scene without people over the canvas."""
    scene = (_paint_room, _paint_street, _paint_clutter)[pick(rng, (0.54, 0.40, 0.06))]
    scene(canvas, rng)
    for _ in range(int(rng.integers(0, 3))):
        _paint_furniture(canvas, rng)
    for _ in range(int(rng.integers(0, 2))):
        _paint_distractor(canvas, rng)
    grain = (0.0, 1.0, 2.0)[int(rng.integers(0, 3))]
    canvas.image = add_noise(canvas.image, rng, grain, float(rng.uniform(0, 6)))


def _rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def _paint_gradient(
    canvas: Canvas, rng: np.random.Generator, top: int, bottom: int, color: Color, spread: float
) -> None:
    """Fills rows with a colour gradient of about ``spread``."""
    field = smooth_field(rng, bottom - top, canvas.width, 3, 128 - spread, 128 + spread, 0.2)
    paint = np.full_like(field, 0)
    paint[:] = color
    canvas.image[top:bottom] = cv2.multiply(paint, field, scale=1 / 128)


def _paint_room(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wall with windows, doors and pictures over a floor with boards."""
    width, height = canvas.width, canvas.height
    horizon = int(height * rng.uniform(0.55, 0.85))
    _paint_gradient(canvas, rng, 0, horizon, random_color(rng), 25)
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(0.1, 0.45, 2) * (width, height)
        x, y = rng.uniform(-0.1, 0.9) * width, rng.uniform(-0.1, 0.5) * height
        frame = random_color(rng)
        canvas.fill(_rectangle(x - 3, y - 3, x + size[0] + 3, y + size[1] + 3), frame)
        canvas.fill(_rectangle(x, y, x + size[0], y + size[1]), random_color(rng))
        middle = np.array([[x + size[0] / 2, y], [x + size[0] / 2, y + size[1]]])
        canvas.line(middle[0], middle[1], frame, 2)
    floor = random_color(rng)
    _paint_gradient(canvas, rng, horizon, height, floor, 30)
    vanishing = np.array([rng.uniform(0, width), horizon - rng.uniform(20, 120)])
    for x in np.arange(-width, 2 * width, rng.uniform(20, 60)):
        low = np.array([x, height])
        high = vanishing + (low - vanishing) * (horizon - vanishing[1]) / (height - vanishing[1])
        canvas.line(high, low, shade(floor, 0.85))
    canvas.fill(_rectangle(-1, horizon - 3, width, horizon), random_color(rng))


def _paint_street(canvas: Canvas, rng: np.random.Generator) -> None:
    """Sky, buildings or trees, and ground."""
    width, height = canvas.width, canvas.height
    horizon = int(height * rng.uniform(0.35, 0.75))
    sky = (float(rng.uniform(170, 250)), float(rng.uniform(160, 230)), float(rng.uniform(130, 220)))
    _paint_gradient(canvas, rng, 0, horizon, sky, 20)
    grass = (float(rng.uniform(30, 80)), float(rng.uniform(80, 150)), float(rng.uniform(60, 120)))
    ground = grass if rng.random() < 0.5 else random_color(rng)
    for _ in range(int(rng.integers(1, 5))):
        if rng.random() < 0.5:
            _paint_building(canvas, rng, horizon)
        else:
            _paint_tree(canvas, rng, horizon)
    _paint_gradient(canvas, rng, horizon, height, ground, 40)
    for _ in range(int(rng.integers(0, 5))):
        y = rng.uniform(horizon, height)
        ends = np.array([[-5, y], [width + 5, y + rng.uniform(-40, 40)]])
        canvas.line(ends[0], ends[1], shade(ground, rng.uniform(0.7, 1.3)), int(rng.integers(1, 5)))


def _paint_building(canvas: Canvas, rng: np.random.Generator, horizon: int) -> None:
    left, across = rng.uniform(-0.2, 0.9) * canvas.width, rng.uniform(40, 140)
    top = rng.uniform(-0.2, 0.8) * horizon
    wall = random_color(rng)
    canvas.fill(_rectangle(left, top, left + across, horizon + 2), wall)
    pane, step = random_color(rng), rng.uniform(14, 26)
    panes = [
        (_rectangle(x, y, x + step * 0.5, y + step * 0.65), pane)
        for x in np.arange(left + 6, left + across - 8, step)
        for y in np.arange(top + 6, horizon - 10, step * 1.2)
    ]
    if panes:
        canvas.fill_all(panes)


def _paint_tree(canvas: Canvas, rng: np.random.Generator, horizon: int) -> None:
    foot = np.array([rng.uniform(0, canvas.width), horizon + rng.uniform(0, 20)])
    crown = foot - (rng.uniform(-15, 15), rng.uniform(40, 130))
    trunk = rng.uniform(2, 9)
    bark = (float(rng.uniform(30, 70)), float(rng.uniform(45, 90)), float(rng.uniform(60, 110)))
    _paint_rod(canvas, foot, crown, trunk, trunk * 0.6, bark)
    leaf = (float(rng.uniform(20, 70)), float(rng.uniform(70, 140)), float(rng.uniform(30, 110)))
    for _ in range(int(rng.integers(4, 10))):
        place = crown + rng.normal(0, 14, 2)
        _paint_disc(canvas, place, rng.uniform(8, 26, 2), shade(leaf, rng.uniform(0.7, 1.25)))


def _paint_clutter(canvas: Canvas, rng: np.random.Generator) -> None:
    """Blotches of colour with random polygons, discs and lines over them."""
    width, height = canvas.width, canvas.height
    cells = int(rng.integers(3, 9))
    canvas.image[:] = smooth_field(rng, height, width, cells, 35, 220, 0.35)
    for _ in range(int(rng.integers(5, 22))):
        place = rng.uniform(0, 1, 2) * (width, height)
        kind = rng.integers(0, 3)
        if kind == 0:
            corners = place + rng.normal(0, rng.uniform(8, 45), (5, 2))
            canvas.fill(cv2.convexHull(corners.astype(np.float32))[:, 0], random_color(rng))
        elif kind == 1:
            _paint_disc(canvas, place, rng.uniform(4, 35, 2), random_color(rng))
        else:
            end = place + rng.normal(0, 70, 2)
            canvas.line(place, end, random_color(rng), int(rng.integers(1, 6)))


def _paint_disc(canvas: Canvas, center: np.ndarray, radii: np.ndarray, color: Color) -> np.ndarray:
    outline = ellipse_outline(center, np.array([radii[0], 0.0]), np.array([0.0, radii[1]]))
    canvas.fill(outline, color)
    return outline


def _paint_rod(
    canvas: Canvas,
    start: np.ndarray,
    end: np.ndarray,
    start_radius: float,
    end_radius: float,
    color: Color,
) -> np.ndarray:
    for size, brightness in ((1.0, 0.8), (0.6, 1.05)):
        outline = capsule_outlines(
            start[None],
            end[None],
            np.array([size * start_radius]),
            np.array([size * end_radius]),
        )[0]
        canvas.fill(outline, shade(color, brightness))
    return outline


def _paint_box(
    canvas: Canvas, left: float, top: float, right: float, bottom: float, color: Color
) -> list[np.ndarray]:
    """A box seen a little from above: a front, a lighter top. Returns the outlines."""
    rise = 0.15 * (right - left)
    lid = np.array(
        [[left, top], [left + rise, top - rise], [right + rise, top - rise], [right, top]]
    )
    side = np.array(
        [[right, top], [right + rise, top - rise], [right + rise, bottom - rise], [right, bottom]]
    )
    front = _rectangle(left, top, right, bottom)
    for polygon, brightness in ((front, 0.9), (lid, 1.15), (side, 0.65)):
        canvas.fill(polygon, shade(color, brightness))
    return [front, lid, side]


def _paint_table(
    canvas: Canvas, left: float, top: float, right: float, bottom: float, color: Color
) -> list[np.ndarray]:
    """A slab on two legs. Returns the outlines."""
    thick = 0.06 * (right - left) + 2
    pieces = [_rectangle(left, top, right, top + thick)]
    for x in (left + thick, right - 2 * thick):
        pieces.append(_rectangle(x, top + thick, x + thick, bottom))
    for polygon, brightness in zip(pieces, (1.1, 0.7, 0.7), strict=True):
        canvas.fill(polygon, shade(color, brightness))
    return pieces


_FURNITURE: tuple[Callable[..., list[np.ndarray]], ...] = (_paint_box, _paint_table)


def _paint_furniture(canvas: Canvas, rng: np.random.Generator) -> None:
    size = rng.uniform((25, 20), (110, 90))
    left = rng.uniform(-0.1, 0.9) * canvas.width
    bottom = rng.uniform(0.6, 1.05) * canvas.height
    paint = _FURNITURE[int(rng.integers(0, 2))]
    paint(canvas, left, bottom - size[1], left + size[0], bottom, random_color(rng))


def _paint_distractor(canvas: Canvas, rng: np.random.Generator) -> None:
    """A stroke shaped and coloured like a limb, sometimes with a head-like ball."""
    start = rng.uniform(0, 1, 2) * (canvas.width, canvas.height)
    color = random_skin(rng) if rng.random() < 0.2 else random_color(rng)
    radius = rng.uniform(2, 9)
    end = start + rng.normal(0, 30, 2)
    _paint_rod(canvas, start, end, radius, radius * rng.uniform(0.5, 1.0), color)
    if rng.random() < 0.25:
        _paint_disc(canvas, end, rng.uniform(4, 12, 2), color)


def paint_seat(
    canvas: Canvas, rng: np.random.Generator, center: np.ndarray, ground: float, size: float
) -> None:
    """A stool or box from a sitting person's pelvis (2,) px down to the row ``ground``."""
    paint = _FURNITURE[int(rng.integers(0, 2))]
    half, top = 0.6 * size, center[1] + 0.25 * size
    bottom = max(ground, top + 0.2 * size)
    paint(canvas, center[0] - half, top, center[0] + half, bottom, random_color(rng))


def paint_occluder(
    canvas: Canvas, rng: np.random.Generator, low: np.ndarray, high: np.ndarray
) -> None:
    """Paints an occluder of the person whose box has the corners ``low``, ``high`` (2,) px."""
    size, color = high - low, random_color(rng)
    if rng.random() < 0.3:  # a post
        x, radius = rng.uniform(low[0], high[0]), 0.04 * size[1] * rng.uniform(0.5, 1.4)
        pieces = [_rectangle(x - radius, -2, x + radius, canvas.height)]
        canvas.fill(pieces[0], color)
        canvas.fill(pieces[0] + (0.3 * radius, 0), shade(color, 0.8))
        pieces.append(pieces[0] + (0.3 * radius, 0))
    else:  # furniture that hides the legs, or part of them
        top = low[1] + size[1] * rng.uniform(0.55, 0.9)
        left = low[0] + size[0] * rng.uniform(-0.6, 0.5)
        right = left + size[0] * rng.uniform(0.5, 1.3)
        paint = _FURNITURE[int(rng.integers(0, 2))]
        pieces = paint(canvas, left, top, right, high[1] + 0.05 * size[1], color)
    canvas.stamp_all([(piece, OBJECT_ID) for piece in pieces])
