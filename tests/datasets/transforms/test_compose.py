"""A pipeline is checked when it is built, and says what failed when it runs."""

import pytest
from samples import make_sample

from mmpose.datasets.transforms import Compose, TopdownAffine

LOAD, WINDOW = {'type': 'LoadImage'}, {'type': 'GetBBoxCenterScale'}
CROP = {'type': 'TopdownAffine', 'input_size': (24, 32)}


class Custom:
    """A transform of a user, that says nothing about itself."""

    def __call__(self, sample):
        return sample


def test_configs_and_objects():
    crop = TopdownAffine((24, 32))
    compose = Compose([LOAD, WINDOW, crop])
    assert compose.transforms[-1] is crop
    assert compose(make_sample())['image'].shape == (32, 24, 3)
    sample = make_sample()
    assert Compose([])(sample) is sample


@pytest.mark.parametrize(
    ('steps', 'keys', 'message'),
    [
        ([CROP], None, r"TopdownAffine reads \['center', 'image', 'scale'\], which neither"),
        (
            [WINDOW, CROP],
            None,
            r"TopdownAffine reads \['image'\].*\['GetBBoxCenterScale', 'TopdownA",
        ),
        ([LOAD, {'type': 'RandomFlip'}], ['image_file', 'image_wh'], r"RandomFlip reads .*'rng'"),
    ],
)
def test_order_is_checked(steps, keys, message):
    with pytest.raises(ValueError, match=message):
        Compose(steps) if keys is None else Compose(steps, keys)


def test_order_cannot_be_checked_behind_an_unknown_transform():
    assert len(Compose([Custom(), CROP]).transforms) == 2


def test_a_failure_names_transform_image_and_annotation():
    def explode(sample):
        raise KeyError('boom')

    compose = Compose([WINDOW, explode])
    with pytest.raises(
        RuntimeError, match=r"explode failed on none\.png \(annotation 2\): KeyError: 'boom'"
    ) as caught:
        compose(make_sample())
    assert isinstance(caught.value.__cause__, KeyError)
