"""Painting of four-legged animals: trunk, legs, neck, head, tail, then coat and face."""

import numpy as np

from toy_pose.appearance import shade
from toy_pose.canvas import Canvas
from toy_pose.outlines import View, ellipse_outline
from toy_pose.parts import PARTS_PER_PERSON
from toy_pose.quadruped import Animal
from toy_pose.quadruped_coat import print_coat
from toy_pose.quadruped_kinds import Coat, Kind
from toy_pose.quadruped_parts import (
    AnimalPart,
    Ball,
    Chain,
    chain_layers,
    link_balls,
    round_ball,
)
from toy_pose.skeleton import SIDES

# Where a pattern is printed; legs below the middle joint and the face stay plain.
_PRINTED = tuple(
    part
    for part in AnimalPart
    if part in (AnimalPart.TRUNK, AnimalPart.NECK) or part.name.endswith('UPPER')
)


def _trunk_chain(animal: Animal, coat: Coat) -> Chain:
    build, axes = animal.build, animal.trunk
    # forward, up, then semi-axes: width, height, length
    sections = (
        (0.50, -0.04, 0.84, 0.92, 0.80),
        (0.36, 0.00, 0.95, 1.00, 1.00),
        (-0.15, -0.02, 1.04, 0.98, 1.00),
        (-0.50, 0.06, 0.92, 0.90, 0.86),
    )
    depth, width = build.half_depth, build.half_width
    balls = [
        Ball(
            axes @ np.array([0.0, up * depth, forward]),
            (axes * (wide * width, tall * depth, long * depth)).T,
        )
        for forward, up, wide, tall, long in sections
    ]
    return Chain(0.0, link_balls([AnimalPart.TRUNK] * 3, balls, [coat.fur] * 3))


def _leg_chain(animal: Animal, coat: Coat, side: str, sign: float, is_front: bool) -> Chain:
    build, joints = animal.build, animal.joints
    end = 'FRONT' if is_front else 'BACK'
    names = ('shoulder', 'elbow', 'carpus', 'front_paw') if is_front else (
        'hip', 'stifle', 'hock', 'back_paw'
    )  # fmt: skip
    root, upper, middle, paw = (joints[f'{side}_{name}'] for name in names)
    # A leg is in front of the trunk when the corner of the trunk it stands at faces the camera.
    facing = animal.trunk @ np.array([0.75 * sign, 0.0, 0.65 if is_front else -0.65])
    thin = build.leg_radius
    girth = (0.55 * build.half_depth, 1.35 * thin) if is_front else (
        0.66 * build.half_depth, 1.75 * thin
    )  # fmt: skip
    toe = paw + 0.9 * thin * animal.trunk[:, 2]
    balls = [
        round_ball(root, girth[0]),
        round_ball(upper, girth[1]),
        round_ball(middle, 0.85 * thin),
        round_ball(paw, 0.78 * thin),
        round_ball(toe, 0.72 * thin),
    ]
    prefix = f'{side.upper()}_{end}'
    parts = [AnimalPart[f'{prefix}_{name}'] for name in ('UPPER', 'UPPER', 'LOWER', 'FOOT')]
    dim = 1.0 if facing[2] > 0 else 0.78
    colors = [shade(color, dim) for color in (coat.fur, coat.fur, coat.legs, coat.feet)]
    return Chain(0.3 * float(facing[2]), link_balls(parts, balls, colors))


def _neck_order(animal: Animal) -> float:
    return 0.35 * float(animal.trunk[2, 2]) + 0.02


def _neck_chain(animal: Animal, coat: Coat) -> Chain:
    build, joints = animal.build, animal.joints
    root, skull = joints['neck_root'], joints['skull']
    balls = [
        round_ball(
            root - 0.1 * animal.trunk[:, 2], min(1.7 * build.neck_radius, 0.8 * build.half_depth)
        ),
        round_ball(root + 0.5 * (skull - root), build.neck_radius),
        round_ball(skull, 0.85 * min(build.neck_radius, build.head_radius)),
    ]
    return Chain(_neck_order(animal), link_balls([AnimalPart.NECK] * 2, balls, [coat.fur] * 2))


def _mane_chain(animal: Animal, coat: Coat) -> Chain:
    """A crest on top of the neck, painted before the neck so that only its edge shows."""
    build, joints = animal.build, animal.joints
    root, skull = joints['neck_root'], joints['skull']
    along = (skull - root) / max(float(np.linalg.norm(skull - root)), 1e-6)
    lateral = animal.trunk[:, 0]
    crest = np.cross(along, lateral)
    crest = crest / max(float(np.linalg.norm(crest)), 1e-6)
    balls = [
        round_ball(joints['withers'], 0.05),
        round_ball(root + 0.55 * (skull - root) + 0.92 * build.neck_radius * crest, 0.055),
        round_ball(skull + 0.9 * build.head_radius * crest, 0.045),
    ]
    links = link_balls([AnimalPart.NECK] * 2, balls, [coat.mane] * 2)
    return Chain(_neck_order(animal) - 1e-3, links)


def _head_order(animal: Animal) -> float:
    rise = animal.joints['skull'][2] - animal.joints['neck_root'][2]
    return _neck_order(animal) + 0.5 * float(rise) + 0.02


def _head_chains(animal: Animal, kind: Kind, coat: Coat) -> list[Chain]:
    """Skull with muzzle, ears and horns."""
    build, joints, order = animal.build, animal.joints, _head_order(animal)
    skull, muzzle, head = joints['skull'], joints['muzzle'], animal.head
    cheek = skull + 0.55 * (muzzle - skull)
    wide = build.head_radius
    balls = [
        round_ball(skull, wide),
        round_ball(cheek, 0.42 * wide + 0.5 * build.muzzle_radius),
        round_ball(muzzle, build.muzzle_radius),
    ]
    chains = [Chain(order, link_balls([AnimalPart.HEAD] * 2, balls, [coat.fur, coat.muzzle]))]
    for side, sign in SIDES:
        base, part = joints[f'{side}_ear'], AnimalPart[f'{side.upper()}_EAR']
        lean = {'up': (0.35, 1.0, -0.1), 'side': (1.0, 0.3, -0.25), 'round': (0.5, 0.6, -0.1)}
        tip = base + build.ear * head @ (np.array(lean[kind.ears]) * (sign, 1.0, 1.0))
        thick = (0.42, 0.4) if kind.ears == 'round' else (0.36, 0.1)
        near = order + 0.5 * float((base - skull)[2])
        ear = [round_ball(base, thick[0] * build.ear), round_ball(tip, thick[1] * build.ear)]
        chains.append(Chain(near, link_balls([part], ear, [shade(coat.fur, 0.85)])))
        if kind.horns:
            root = skull + head @ (wide * np.array([0.42 * sign, 0.85, 0.0]))
            bend = root + kind.horns * head @ np.array([0.7 * sign, 0.55, -0.2])
            peak = bend + kind.horns * head @ np.array([0.15 * sign, 0.8, 0.1])
            horn = [round_ball(root, 0.024), round_ball(bend, 0.018), round_ball(peak, 0.007)]
            color = (140.0, 165.0, 180.0)
            chains.append(Chain(near, link_balls([part] * 2, horn, [color] * 2)))
    return chains


def _tail_chain(animal: Animal, coat: Coat) -> Chain:
    build = animal.build
    radii = (0.8, 0.9, 1.1, 0.6) if build.tail_radius > 0.035 else (1.2, 1.0, 0.9, 1.3)
    balls = [
        round_ball(point, build.tail_radius * size)
        for point, size in zip(animal.tail, radii, strict=True)
    ]
    tip = coat.mane if build.tail_radius != 0.03 else coat.fur
    order = -0.3 * float(animal.trunk[2, 2]) - 0.01
    return Chain(order, link_balls([AnimalPart.TAIL] * 3, balls, [coat.fur, tip, tip]))


def _chains(animal: Animal, kind: Kind, coat: Coat) -> list[Chain]:
    """Returns the chains of all parts except the face, in order of painting."""
    chains = [
        _trunk_chain(animal, coat),
        _neck_chain(animal, coat),
        _tail_chain(animal, coat),
        *_head_chains(animal, kind, coat),
    ]
    chains += [
        _leg_chain(animal, coat, side, sign, is_front)
        for side, sign in SIDES
        for is_front in (True, False)
    ]
    if kind.has_mane:
        chains.append(_mane_chain(animal, coat))
    return sorted(chains, key=lambda chain: chain.order)


def face_normal(animal: Animal, name: str) -> float:
    """Cosine between the surface normal at a face joint and the camera, -1 to 1."""
    directions = {
        'left_eye': (0.8, 0.35, 0.45),
        'right_eye': (-0.8, 0.35, 0.45),
        'left_ear': (0.5, 0.6, 0.4),
        'right_ear': (-0.5, 0.6, 0.4),
        'nose': (0.0, 0.3, 0.95),
        'throat': (0.0, -0.8, 0.2),
    }
    return float((animal.head @ np.array(directions[name]))[2])


def _paint_face(canvas: Canvas, animal: Animal, coat: Coat, view: View) -> None:
    """Paints eyes and nose where they face the camera, before parts in front of the head."""
    build = animal.build
    scale = view.height_px
    marks = (
        ('left_eye', 0.17 * build.head_radius, (22.0, 24.0, 28.0)),
        ('right_eye', 0.17 * build.head_radius, (22.0, 24.0, 28.0)),
        ('nose', 0.42 * build.muzzle_radius, coat.nose),
    )
    for name, radius, color in marks:
        facing = face_normal(animal, name)
        if facing <= 0.0:
            continue
        size = max(radius * scale, 1.0)
        center = view.points(animal.joints[name])
        canvas.fill(
            ellipse_outline(center, np.array([size, 0.0]), np.array([0.0, 0.85 * size])), color
        )
        if name != 'nose' and size > 2:
            glint = ellipse_outline(
                center + 0.35 * size * view.light,
                np.array([0.3 * size, 0.0]),
                np.array([0.0, 0.3 * size]),
            )
            canvas.fill(glint, (225.0, 225.0, 225.0))


def paint_animal(
    canvas: Canvas,
    rng: np.random.Generator,
    animal: Animal,
    kind: Kind,
    coat: Coat,
    view: View,
    index: int,
) -> np.ndarray:
    """Paint an animal over what is there.

    Args:
        canvas: Canvas to paint on.
        rng: Source of the coat's pattern and texture.
        animal: The posed skeleton.
        kind: Kind, which determines ears, horns and mane.
        coat: Its colours.
        view: Position in the image; ``height_px`` is the length of a trunk.
        index: Number of the animal in this image, which makes the ids.

    Returns:
        Low and high corner (2, 2) px of the whole silhouette, also outside the image.
    """
    first_id = PARTS_PER_PERSON * index
    silhouette, has_face = [], False
    chains = _chains(animal, kind, coat)
    for chain in chains:
        layers = chain_layers(chain, view)
        canvas.fill_all(layers)
        outlines = [polygon for polygon, _ in layers[: len(chain.links)]]
        stamps = [
            (outline, first_id + link.part)
            for outline, link in zip(outlines, chain.links, strict=True)
        ]
        canvas.stamp_all(stamps)
        silhouette += outlines
        if not has_face and chain.links[0].part == AnimalPart.HEAD:
            _paint_face(canvas, animal, coat, view)
            has_face = True
    points = np.concatenate(silhouette)
    region = canvas.region(points)
    if canvas.ids[region].size:
        printed = tuple(first_id + part for part in _PRINTED)
        every = tuple(first_id + part for part in AnimalPart)
        print_coat(canvas, rng, animal, coat, view, region, printed, every)
    return np.stack([points.min(axis=0), points.max(axis=0)])
