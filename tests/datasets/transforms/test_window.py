"""The random windows have the published distributions."""

import numpy as np
import pytest
from samples import make_sample

from mmpose.datasets.transforms import (
    GetBBoxCenterScale,
    RandomBBoxTransform,
    RandomFlip,
    RandomHalfBody,
    RandomShiftBboxCenter,
)

NUM = 4000
# Six standard deviations of a share of NUM draws with probability 1/2: it never fails by chance.
SHARE = 6 * 0.5 / NUM**0.5


def draw(transform, key, **changes):
    """Returns NUM results of one key, and the key as it was."""
    rng = np.random.default_rng(0)
    base = make_sample(**changes)
    results = [transform({**base, 'rng': rng})[key] for _ in range(NUM)]
    return np.array(results), base.get(key)


def test_box_to_window():
    sample = GetBBoxCenterScale(1.25)(make_sample(center=..., scale=..., rotation=...))
    np.testing.assert_array_equal(sample['center'], [50, 45])
    np.testing.assert_array_equal(sample['scale'], [50, 62.5])
    assert sample['rotation'] == 0
    with pytest.raises(ValueError, match='has no size'):
        GetBBoxCenterScale()(make_sample(bbox_xywh=np.float32([3, 3, 0, 0])))


@pytest.mark.parametrize(('factor', 'prob'), [(0.4, 0.3), (1.0, 1.0), (0.4, 0.0)])
def test_center_jitter(factor, prob):
    centers, before = draw(RandomShiftBboxCenter(factor, prob), 'center')
    shift = (centers - before) / [40, 50]  # in sizes of the box
    moved = (shift != 0).all(axis=1)
    assert moved.mean() == pytest.approx(prob, abs=SHARE)
    assert np.abs(shift).max() <= factor / 2
    if not prob:
        return
    assert np.abs(shift).max(0) == pytest.approx(factor / 2, rel=0.02)
    # Uniform in -factor / 2 .. factor / 2, x and y independent.
    assert shift[moved].std(0) == pytest.approx(factor / 12**0.5, rel=0.06)
    assert np.corrcoef(shift[moved].T)[0, 1] == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize('prob', [0.0, 0.5, 1.0])
def test_flip_share(prob):
    rng = np.random.default_rng(0)
    flips = [
        RandomFlip(prob)({**make_sample(), 'rng': rng}).get('flipped', False) for _ in range(1000)
    ]
    assert np.mean(flips) == pytest.approx(prob, abs=SHARE * 2)


def test_flip_twice_is_the_identity():
    before, after = make_sample(), make_sample()
    once = RandomFlip(1)(after)
    assert once['flipped']
    np.testing.assert_array_equal(once['bbox_xywh'], [119 - 30 - 40, 20, 40, 50])
    np.testing.assert_array_equal(once['center'], [119 - 50, 45])
    np.testing.assert_array_equal(once['keypoints_visible'][1], before['keypoints_visible'][2])
    np.testing.assert_allclose(
        once['keypoints'][5], [119 - before['keypoints'][6, 0], before['keypoints'][6, 1]]
    )
    twice = RandomFlip(1)(once)
    assert not twice['flipped']
    for key in ('keypoints', 'keypoints_visible', 'bbox_xywh', 'center'):
        np.testing.assert_allclose(twice[key], before[key], atol=1e-4)  # float32 at 100 px


def test_flip_before_the_window_is_made_gives_the_same():
    first = GetBBoxCenterScale()(RandomFlip(1)(make_sample(center=..., scale=...)))
    second = RandomFlip(1)(GetBBoxCenterScale()(make_sample()))
    np.testing.assert_allclose(first['center'], second['center'])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'image_wh': (0, 0), 'image': ...}, 'put LoadImage before RandomFlip'),
        ({'crop': 'there'}, 'RandomFlip must come before TopdownAffine'),
    ],
)
def test_flip_in_the_wrong_place(changes, message):
    with pytest.raises(ValueError, match=message):
        RandomFlip(1)(make_sample(**changes))


def body(num_upper, num_lower):
    """Returns the visibility with so many of COCO's 11 upper and 6 other keypoints labelled."""
    keypoints_visible = np.zeros(17, np.float32)
    keypoints_visible[:num_upper] = 1
    keypoints_visible[11 : 11 + num_lower] = 1
    return keypoints_visible


UPPER, LOWER, NEITHER = 'upper', 'lower', 'neither'


@pytest.mark.parametrize(
    ('num_upper', 'num_lower', 'shares'),
    [
        # The published draw is upper if a normal number is < 0.5: 0.6915 of the time.
        (11, 6, {NEITHER: 0.7, UPPER: 0.3 * 0.6915, LOWER: 0.3 * 0.3085}),
        (11, 2, {NEITHER: 0.7, UPPER: 0.3}),
        (8, 1, {NEITHER: 0.7, UPPER: 0.3}),
        (3, 6, {NEITHER: 0.7, UPPER: 0.3 * 0.6915, LOWER: 0.3 * 0.3085}),
        (4, 4, {NEITHER: 1.0}),
        (8, 0, {NEITHER: 1.0}),
    ],
)
def test_half_body(num_upper, num_lower, shares):
    keypoints_visible = body(num_upper, num_lower)
    scales, before = draw(
        RandomHalfBody(upper_prioritized_prob=0.6915), 'scale', keypoints_visible=keypoints_visible
    )
    points = make_sample()['keypoints'].astype(float)
    expected = {NEITHER: before}
    for half, part in ((UPPER, slice(0, 11)), (LOWER, slice(11, 17))):
        labelled = points[part][keypoints_visible[part] > 0]
        if len(labelled):
            expected[half] = (labelled.max(0) - labelled.min(0)) * 1.5
    for half, scale in expected.items():
        share = (np.abs(scales - scale) < 1e-6).all(axis=1).mean()
        assert share == pytest.approx(shares.get(half, 0), abs=SHARE), half
    assert sum(shares.values()) == pytest.approx(1)


def test_half_body_with_two_or_fewer_of_the_lower_body():
    """With exactly the threshold of keypoints of one half, the other half is taken."""
    transform = RandomHalfBody(4, min_upper_keypoints=3, prob=1, upper_prioritized_prob=1)
    sample = make_sample(keypoints_visible=body(2, 6))
    lower = sample['keypoints'][11:].astype(float)
    result = transform(sample)
    np.testing.assert_allclose(result['center'], lower.mean(0))
    np.testing.assert_allclose(result['scale'], (lower.max(0) - lower.min(0)) * 1.5)


@pytest.mark.parametrize(
    'changes',
    [
        {'keypoints': np.full((17, 2), 7, np.float32)},
        {'keypoints_visible': body(1, 0)},
        {'keypoints_visible': body(0, 1)},
    ],
)
def test_half_body_gives_up_on_a_point(changes):
    sample = make_sample(**changes)
    before = sample['center'], sample['scale']
    result = RandomHalfBody(1, prob=1)(sample)
    assert (result['center'], result['scale']) == before


def test_scale_and_rotation_of_mmpose_0():
    rng = np.random.default_rng(0)
    base = make_sample()
    transform = RandomBBoxTransform(distribution='clipped_normal', shift_prob=0)
    results = [transform({**base, 'rng': rng}) for _ in range(NUM)]
    scales = np.array([result['scale'] for result in results]) / base['scale']
    rotations = np.array([result['rotation'] for result in results])

    np.testing.assert_allclose(scales[:, 0], scales[:, 1])
    factor = scales[:, 0]
    # clip(1 + 0.5 z, 0.5, 1.5): 15.87 % beyond each end, half the rest on each side of 1.
    assert (factor.min(), factor.max()) == (0.5, 1.5)
    assert np.isclose(factor, 0.5).mean() == pytest.approx(0.1587, abs=SHARE)
    assert np.isclose(factor, 1.5).mean() == pytest.approx(0.1587, abs=SHARE)
    assert (factor < 1).mean() == pytest.approx(0.5, abs=SHARE)

    turned = rotations[rotations != 0]
    assert len(turned) / NUM == pytest.approx(0.6, abs=SHARE)
    # clip(40 z, -80, 80): 2.28 % beyond each end, 68.27 % within 40 degrees.
    assert np.abs(turned).max() == 80
    assert (np.abs(turned) == 80).mean() == pytest.approx(2 * 0.0228, abs=SHARE)
    assert (np.abs(turned) < 40).mean() == pytest.approx(0.6827, abs=SHARE)
    assert (turned > 0).mean() == pytest.approx(0.5, abs=SHARE)
    assert np.corrcoef(factor, rotations)[0, 1] == pytest.approx(0, abs=0.1)


def test_scale_and_rotation_arguments_of_mmpose_0():
    rng = np.random.default_rng(0)
    transform = RandomBBoxTransform(
        0, 0, scale_factor=0.3, rotate_factor=180, rotate_prob=1.0, distribution='clipped_normal'
    )
    base = make_sample()
    results = [transform({**base, 'rng': rng}) for _ in range(NUM)]
    factor = np.array([result['scale'][0] for result in results]) / base['scale'][0]
    rotations = np.array([result['rotation'] for result in results])
    assert (factor.min(), factor.max()) == (pytest.approx(0.7), pytest.approx(1.3))
    assert (rotations != 0).all()
    assert np.abs(rotations).max() == 180


def test_clipped_draws_are_those_of_the_published_recipe():
    """Factor and rotation in the order in which ViTPose's recipes were always drawn here."""
    transform = RandomBBoxTransform(distribution='clipped_normal', shift_prob=0, scale_factor=0.3)
    base = make_sample()
    for seed in range(50):
        result = transform({**base, 'rng': np.random.default_rng(seed)})
        rng = np.random.default_rng(seed)
        factor = min(max(1 + 0.3 * rng.standard_normal(), 1 - 0.3), 1 + 0.3)
        turn = 0.0
        if rng.random() < 0.6:
            turn = min(max(40 * rng.standard_normal(), -80), 80)
        np.testing.assert_array_equal(result['scale'], base['scale'] * factor)
        np.testing.assert_array_equal(result['center'], base['center'])
        assert result['rotation'] == turn


def truncated_normals(num, rng):
    """Returns normal numbers of which those beyond one standard deviation are drawn again."""
    drawn = rng.standard_normal(4 * num)
    return drawn[np.abs(drawn) <= 1][:num]


def largest_gap(first, second):
    """Returns the statistic of Kolmogorov and Smirnov for two samples of equal size."""
    both = np.concatenate([first, second])
    ranks = [np.searchsorted(np.sort(x), both, side='right') for x in (first, second)]
    return np.abs(ranks[0] - ranks[1]).max() / len(first)


def test_shift_scale_and_rotation_of_mmpose_1():
    """Two samples: ours, and the published formula with numbers drawn by rejection."""
    options = dict(shift_factor=0.2, scale_factor=(0.6, 1.2), rotate_factor=60)
    probabilities = dict(shift_prob=0.3, scale_prob=0.8, rotate_prob=0.6)
    transform = RandomBBoxTransform(**options, **probabilities)
    base, rng = make_sample(), np.random.default_rng(0)
    results = [transform({**base, 'rng': rng}) for _ in range(NUM)]
    shifts = np.array([result['center'] - base['center'] for result in results]) / base['scale']
    factors = np.array([result['scale'][0] for result in results]) / base['scale'][0]
    turns = np.array([result['rotation'] for result in results])
    published = np.random.default_rng(1)

    def formula(width, middle, prob, idle):
        z = truncated_normals(NUM, published)
        return np.where(published.random(NUM) < prob, middle + width * z, idle)

    pairs = [
        *((shift, formula(0.2, 0, 0.3, 0)) for shift in shifts.T),
        (factors, formula(0.3, 0.9, 0.8, 1)),
        (turns, formula(60, 0, 0.6, 0)),
    ]
    # 2.5 sqrt(2 / n) is exceeded by equal distributions once in 130,000 times.
    for ours, theirs in pairs:
        assert largest_gap(ours, theirs) < 2.5 * (2 / NUM) ** 0.5
    assert largest_gap(turns, np.clip(30 * published.standard_normal(NUM), -60, 60)) > 0.1
    assert ((shifts[:, 0] == 0) == (shifts[:, 1] == 0)).all()
    moved = shifts[shifts[:, 0] != 0]
    assert np.corrcoef(moved.T)[0, 1] == pytest.approx(0, abs=0.15)
    assert (np.abs(shifts).max() <= 0.2, factors.min() >= 0.6, factors.max() <= 1.2) == (True,) * 3


@pytest.mark.parametrize('num_lower', [0, 2])
def test_half_body_without_a_half_stays(num_lower):
    sample = make_sample(keypoints_visible=body(2, num_lower))
    before = sample['center']
    result = RandomHalfBody(1, min_upper_keypoints=3, prob=1)(sample)
    assert result['center'] is before
