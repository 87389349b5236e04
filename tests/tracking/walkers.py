"""People who walk about on known paths: what a tracker is tried on."""

import numpy as np

from mmpose.structures import PoseResult

# A standing person in the order of COCO, x and y in shares of the height.
STANDING = np.array([
    (0.00, 0.06), (0.02, 0.04), (-0.02, 0.04), (0.05, 0.06), (-0.05, 0.06),
    (0.11, 0.19), (-0.11, 0.19), (0.14, 0.34), (-0.14, 0.34), (0.15, 0.48), (-0.15, 0.48),
    (0.08, 0.51), (-0.08, 0.51), (0.09, 0.74), (-0.09, 0.74), (0.09, 0.96), (-0.09, 0.96),
])  # fmt: skip
SWING = np.array([0, 0, 0, 0, 0, 0, 0, -0.03, 0.03, -0.08, 0.08, 0, 0, 0.06, -0.06, 0.14, -0.14])
FPS = 30.0


def person(center_x, top, height=200.0, phase=0.0, score=0.9, noise=0.0, rng=None, **fields):
    """Returns the pose of somebody in the middle of a step."""
    joints = STANDING + np.stack([SWING * np.sin(phase), np.zeros(17)], axis=1)
    joints = joints * height + (center_x, top)
    if noise:
        joints = joints + rng.normal(0, noise, joints.shape)
    low, high = joints.min(0), joints.max(0)
    margin = (high - low) * 0.12
    box = np.concatenate([low - margin, high - low + 2 * margin])
    given = {'img_id': 0, 'ann_id': 0, 'category_id': 1, **fields}
    return PoseResult(
        keypoints=joints.astype(np.float32),
        keypoint_scores=np.full(17, score, np.float32),
        bbox_xywh=box.astype(np.float32),
        **given,
    )


def follow(tracker, frames, fps=FPS):
    """Tracks frames of ``{name: pose}``; returns the numbers that each name had, in order."""
    numbers = {}
    for index, people in enumerate(frames):
        names = list(people)
        tracked = tracker([people[name] for name in names], index / fps)
        for name, result in zip(names, tracked, strict=True):
            numbers.setdefault(name, []).append(result.track_id)
    return numbers


def crossing(num_people=2, hidden=0, height=200.0, fps=FPS, seed=0, noise=2.0, seconds=3.0):
    """Frames of ``{name: pose}`` in which two rows of people walk through each other.

    Args:
        num_people: Even names walk to the right, odd ones to the left.
        hidden: Frames for which the odd ones are not found while they pass.
    """
    rng = np.random.default_rng(seed)
    num_frames = round(seconds * fps)
    frames = []
    for index in range(num_frames):
        share = index / (num_frames - 1)
        people = {}
        for name in range(num_people):
            toward = 1 if name % 2 == 0 else -1
            row = name // 2
            x = height * (4 + toward * (share - 0.5) * 6)  # 6 heights in the time
            top = 100 + row * 1.2 * height + (10 if toward < 0 else 0)
            is_hidden = toward < 0 and abs(index - num_frames / 2) < hidden / 2
            if not is_hidden:
                phase = 2 * np.pi * index / fps + name
                people[name] = person(
                    x, top, height * (1 + 0.03 * name % 0.1), phase, noise=noise, rng=rng
                )
        order = rng.permutation(list(people))
        frames.append({int(name): people[int(name)] for name in order})
    return frames
