"""Colours change, as far as they may and no further."""

import numpy as np
import pytest
from samples import make_sample

from mmpose.datasets.transforms import Albumentation, PhotometricDistortion

OFF = {
    'brightness_delta': 0,
    'contrast_range': (1, 1),
    'saturation_range': (1, 1),
    'hue_delta': 0,
    'swap_channels': False,
}


def results(transform, num=40, **changes):
    rng = np.random.default_rng(0)
    before = make_sample(**changes)['image']
    return before, [transform(make_sample(rng=rng, **changes))['image'] for _ in range(num)]


def test_nothing_to_do_changes_nothing():
    before, after = results(PhotometricDistortion(**OFF))
    for image in after:
        # One level for the way to hue and back.
        assert np.abs(image.astype(int) - before).max() <= 1


@pytest.mark.parametrize(
    ('change', 'measure', 'limit'),
    [
        ({'brightness_delta': 32}, lambda a, b: np.abs(a - b).max(), (16, 33)),
        ({'contrast_range': (0.5, 1.5)}, lambda a, b: np.abs(a / b - 1).max(), (0.25, 0.51)),
        ({'saturation_range': (0.5, 1.5)}, lambda a, b: np.abs(a.max(2) - b.max(2)).max(), (0, 1)),
        ({'hue_delta': 18}, lambda a, b: np.abs(a.max(2) - b.max(2)).max(), (0, 1)),
        ({'swap_channels': True}, lambda a, b: np.abs(np.sort(a) - np.sort(b)).max(), (0, 1)),
    ],
)
def test_one_change_at_a_time(change, measure, limit):
    image = np.random.default_rng(0).integers(60, 160, (20, 20, 3)).astype(np.uint8)
    before, after = results(PhotometricDistortion(**{**OFF, **change}), image=image)
    before = before.astype(float)
    measured = max(measure(image.astype(float), before) for image in after)
    assert limit[0] <= measured <= limit[1]
    share = np.mean([np.abs(image - before).max() > 1 for image in after])
    assert 0.2 < share < 0.8, 'about every other time'


def test_the_result_is_a_plain_uint8_image():
    _, after = results(PhotometricDistortion(brightness_delta=200))
    for image in after:
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
    assert len({image.tobytes() for image in after}) > 30


def test_albumentations_sees_rgb():
    pytest.importorskip('albumentations')
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200  # blue
    grey = Albumentation([{'type': 'ToGray', 'p': 1}])(make_sample(image=image))['image']
    # Blue weighs 0.114, red 0.299.
    assert np.abs(grey.astype(float) - 200 * 0.114).max() <= 1


def test_albumentations_nested():
    pytest.importorskip('albumentations')
    choice = {'type': 'OneOf', 'p': 1, 'transforms': [{'type': 'ToGray', 'p': 1}]}
    image = Albumentation([choice])(make_sample())['image']
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ({'type': 'HorizontalFlip'}, "'HorizontalFlip' moves pixels, but keypoints would not"),
        ({'type': 'OneOf', 'transforms': [{'type': 'Rotate'}]}, "'Rotate' moves pixels"),
        ({'type': 'Blurr'}, "albumentations has no transform 'Blurr'"),
    ],
)
def test_albumentations_refuses(config, message):
    pytest.importorskip('albumentations')
    with pytest.raises(ValueError, match=message):
        Albumentation([config])
