"""Joints get steadier, hardly later, whatever the resolution and the frame rate."""

import re
from dataclasses import replace

import numpy as np
import pytest
from walkers import person

from mmpose.tracking import KeypointSmoother


def place(x, noise=0.0, rng=None, size=100.0, track_id=1):
    """A person of a size at x; ``noise`` in shares of the size."""
    pose = person(0, 0, size)
    keypoints = pose.keypoints + np.array([x, 0])
    if rng is not None:
        keypoints = keypoints + rng.normal(0, noise * size, keypoints.shape)
    box = np.array([x - size / 2, 0, size, size], np.float32)
    return replace(pose, keypoints=keypoints.astype(np.float32), bbox_xywh=box, track_id=track_id)


def smooth_all(smoother, poses, times):
    return [smoother([pose], time)[0] for pose, time in zip(poses, times, strict=True)]


@pytest.mark.parametrize('size', [40.0, 1000.0])
@pytest.mark.parametrize('fps', [25.0, 60.0])
def test_noise_of_somebody_at_rest_shrinks(size, fps):
    rng = np.random.default_rng(0)
    times = np.arange(round(8 * fps)) / fps
    noisy = [place(0, 0.01, rng, size) for _ in times]
    smooth = smooth_all(KeypointSmoother(), noisy, times)
    truth = place(0, size=size).keypoints
    start = round(fps)

    def spread(poses):
        return np.std([pose.keypoints - truth for pose in poses[start:]])

    def jitter(poses):
        return np.std(np.diff([pose.keypoints for pose in poses[start:]], axis=0))

    assert spread(smooth) < 0.5 * spread(noisy)
    assert jitter(smooth) < 0.3 * jitter(noisy)


@pytest.mark.parametrize('speed', [0.2, 1.0, 5.0, 20.0])  # sizes per second
@pytest.mark.parametrize('beta', [1.0, 5.0, 20.0])
def test_lag_is_bounded_at_any_speed(speed, beta):
    size, fps = 200.0, 30.0
    times = np.arange(120) / fps
    poses = [place(speed * size * time, size=size) for time in times]
    smooth = smooth_all(KeypointSmoother(beta=beta), poses, times)
    lag = (poses[-1].keypoints - smooth[-1].keypoints)[:, 0] / size
    assert (lag > 0).all()
    assert lag.max() < 1 / (2 * np.pi * beta)
    assert lag.max() == pytest.approx(speed / (2 * np.pi * (1 + beta * speed)), rel=0.01)


def test_parameters_do_not_depend_on_resolution():
    times = np.arange(40) / 30
    small = [place(50 * t, 0.02, np.random.default_rng(i), 50) for i, t in enumerate(times)]
    large = [
        replace(pose, keypoints=pose.keypoints * 20, bbox_xywh=pose.bbox_xywh * 20)
        for pose in small
    ]
    first = smooth_all(KeypointSmoother(), small, times)
    second = smooth_all(KeypointSmoother(), large, times)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.keypoints * 20, b.keypoints, rtol=1e-4, atol=1e-2)


def test_uneven_times_are_taken_into_account():
    """With frames dropped the filter ends where it ends with all of them, nearly."""
    fps = 60.0
    times = np.arange(240) / fps
    kept = np.sort(np.random.default_rng(2).permutation(239)[:120])
    kept = np.append(kept, 239)

    def end(rows):
        poses = [place(100 * np.sin(times[row])) for row in rows]
        return smooth_all(KeypointSmoother(), poses, times[rows])[-1].keypoints

    whole, part = end(np.arange(240)), end(kept)
    assert np.abs(whole - part).max() < 1.0  # px, of a path of 100 px and a lag of 2 px


def test_each_person_and_each_joint_on_its_own():
    smoother = KeypointSmoother()
    still, fast = place(0, track_id=1), place(0, track_id=2)
    smoother([still, fast], 0.0)
    waved = fast.keypoints.copy()
    waved[9] += 30
    both = smoother([still, replace(fast, keypoints=waved)], 1 / 30)
    np.testing.assert_array_equal(both[0].keypoints, still.keypoints)
    moved = np.abs(both[1].keypoints - fast.keypoints).max(axis=1)
    assert moved[9] > 1
    assert np.delete(moved, 9).max() == 0


@pytest.mark.parametrize(('away_s', 'is_forgotten'), [(0.4, False), (0.6, True)])
def test_somebody_lost_starts_anew(away_s, is_forgotten):
    smoother = KeypointSmoother(forget_after_s=0.5)
    smoother([place(0)], 0.0)
    smoother([], away_s / 2)
    [back] = smoother([place(60)], away_s)
    assert np.array_equal(back.keypoints, place(60).keypoints) == is_forgotten
    assert len(smoother._filters) == 1


def test_nobody_is_remembered_for_ever():
    smoother = KeypointSmoother()
    for frame in range(200):
        smoother([place(0, track_id=frame)], frame / 30)
    assert len(smoother._filters) < 20


def test_first_frame_and_equal_times_are_as_they_were():
    smoother = KeypointSmoother()
    for x in (0, 50):
        [pose] = smoother([place(x)], 3.0)
        np.testing.assert_array_equal(pose.keypoints, place(x).keypoints)
    assert smoother([], 3.0) == []


def test_box_of_no_size():
    smoother = KeypointSmoother()
    for i in range(3):
        [pose] = smoother([replace(place(i), bbox_xywh=np.zeros(4, np.float32))], i / 30)
    assert np.isfinite(pose.keypoints).all()


@pytest.mark.parametrize(
    ('call', 'words'),
    [
        (lambda: KeypointSmoother(min_cutoff_hz=0), 'min_cutoff_hz is 0, expected more than 0 Hz'),
        (lambda: KeypointSmoother(beta=-1), 'beta is -1, expected 0 or more'),
        (lambda: KeypointSmoother()([person(0, 0)], 0.0), 'no track_id.* run PoseTracker first'),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_time_that_runs_back():
    smoother = KeypointSmoother()
    smoother([place(0)], 2.0)
    with pytest.raises(ValueError, match=re.escape('from 2 s to 1 s; call reset()')):
        smoother([place(0)], 1.0)
    smoother.reset()
    smoother([place(0)], 1.0)
