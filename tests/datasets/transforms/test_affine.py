"""The crop against plain numpy, and what is folded into it against doing it step by step."""

import cv2
import numpy as np
import pytest
from samples import make_sample, write_image

from mmpose.datasets.transforms import LoadImage, RandomFlip, TopdownAffine
from mmpose.structures import CropWindow, invert_affine, transform_points
from tests.datasets.tiny_coco import smooth_image

WINDOWS = [
    {},
    {'rotation': 33.0},
    {'rotation': -70.0, 'scale': np.array([23.0, 37.0])},
    {'center': np.array([2.0, 80.0]), 'rotation': 12.0},
    {'scale': np.array([140.0, 60.0])},
]


def crop_in_numpy(image, matrix, input_size):
    """Samples an image bilinearly at the exact place of every crop pixel, 0 outside."""
    xs, ys = np.meshgrid(np.arange(input_size[0]), np.arange(input_size[1]))
    places = transform_points(np.stack([xs, ys], -1).reshape(-1, 2), invert_affine(matrix))
    places = places.reshape(*xs.shape, 2)
    padded = np.pad(image, ((1, 2), (1, 2), (0, 0))).astype(np.float64)
    limit = np.array([image.shape[1], image.shape[0]])
    corner = np.floor(places).clip(-1, limit)
    part = (places - corner).clip(0, 1)[..., None]
    x, y = (corner.astype(int) + 1).transpose(2, 0, 1)
    top = padded[y, x] * (1 - part[..., 0, :]) + padded[y, x + 1] * part[..., 0, :]
    bottom = padded[y + 1, x] * (1 - part[..., 0, :]) + padded[y + 1, x + 1] * part[..., 0, :]
    result = top * (1 - part[..., 1, :]) + bottom * part[..., 1, :]
    outside = ((places <= -1) | (places >= limit)).any(-1)
    result[outside] = 0
    return result


@pytest.mark.parametrize('window', WINDOWS)
@pytest.mark.parametrize('use_udp', [True, False])
def test_crop_equals_bilinear_sampling(window, use_udp):
    sample = make_sample(**window)
    image = sample['image']
    result = TopdownAffine((48, 64), use_udp)(sample)
    expected = crop_in_numpy(image, result['crop'].matrix(), (48, 64))
    error = np.abs(result['image'] - expected)
    # 1 grey level for rounding; OpenCV 4 counts in 1/32 px, which is 1 more on this image.
    # On the border of the image that is up to 1/32 of the step from the image to black.
    assert np.quantile(error, 0.97) <= 2
    assert error.max() <= 255 / 32 + 1
    shifted = crop_in_numpy(np.roll(image, 1, axis=1), result['crop'].matrix(), (48, 64))
    assert np.quantile(np.abs(result['image'] - shifted), 0.97) > 3, 'one pixel off is noticed'


@pytest.mark.parametrize('window', WINDOWS)
@pytest.mark.parametrize('use_udp', [True, False])
def test_keypoints_and_window_follow(window, use_udp):
    sample = make_sample(**window)
    points, keypoints_visible = sample['keypoints'], sample['keypoints_visible'].copy()
    result = TopdownAffine((48, 64), use_udp)(sample)
    crop = result['crop']
    assert crop.use_udp == use_udp
    assert crop.input_size == (48, 64)
    # All keypoints, labelled or not; float32 at 100 px.
    np.testing.assert_allclose(result['keypoints'], crop.to_input(points), atol=1e-4)
    np.testing.assert_array_equal(result['keypoints_visible'], keypoints_visible)
    for key in ('center', 'scale', 'rotation'):
        np.testing.assert_array_equal(result[key], getattr(crop, key))
    assert result['image'].shape == (64, 48, 3)
    assert result['image'].dtype == np.uint8


def test_the_window_of_a_box_is_that_of_crop_window():
    box = np.float32([30, 20, 40, 50])
    sample = make_sample(scale=box[2:] * 1.25, center=box[:2] + box[2:] / 2)
    expected = CropWindow.from_bbox(box, (48, 64), 1.25, True)
    np.testing.assert_allclose(
        TopdownAffine((48, 64), True)(sample)['crop'].matrix(), expected.matrix(), atol=1e-12
    )


@pytest.mark.parametrize(('fix_aspect', 'expected'), [(True, [60, 80]), (False, [60, 60])])
def test_fix_aspect(fix_aspect, expected):
    sample = make_sample(scale=np.array([60.0, 60.0]))
    result = TopdownAffine((48, 64), True, fix_aspect)(sample)
    np.testing.assert_allclose(result['scale'], expected)


@pytest.mark.parametrize('window', WINDOWS)
@pytest.mark.parametrize('use_udp', [True, False])
@pytest.mark.parametrize('image_wh', [(120, 90), (121, 91)])
def test_a_folded_flip_equals_mirroring_the_image_first(window, use_udp, image_wh):
    affine = TopdownAffine((48, 64), use_udp)
    folded = affine(RandomFlip(prob=1)(make_sample(image_wh=image_wh, **window)))
    assert folded['flipped']

    by_hand = make_sample(image_wh=image_wh, **window)
    last = image_wh[0] - 1
    by_hand['image'] = np.ascontiguousarray(by_hand['image'][:, ::-1])
    by_hand['center'] = np.array([last - by_hand['center'][0], by_hand['center'][1]])
    by_hand['keypoints'] = by_hand['keypoints'][by_hand['dataset_meta'].flip_indices]
    by_hand['keypoints'][:, 0] = last - by_hand['keypoints'][:, 0]
    keypoints_visible = by_hand['keypoints_visible'][by_hand['dataset_meta'].flip_indices]
    by_hand = affine(by_hand)

    np.testing.assert_array_equal(folded['keypoints'], by_hand['keypoints'])
    np.testing.assert_array_equal(folded['keypoints_visible'], keypoints_visible)
    np.testing.assert_array_equal(folded['crop'].matrix(), by_hand['crop'].matrix())
    difference = np.abs(folded['image'].astype(int) - by_hand['image'])
    # OpenCV 4 rounds places to 1/32 px, which is up to 8 grey levels in this noise.
    limit = 1 if int(cv2.__version__.split('.')[0]) >= 5 else 8
    assert difference.max() <= limit, 'only the rounding of interpolation weights may differ'
    unflipped = affine(make_sample(image_wh=image_wh, **window))
    assert np.abs(unflipped['image'].astype(int) - by_hand['image']).max() > 20


@pytest.mark.parametrize('place', [0, 5, 10, 15])
@pytest.mark.parametrize('prob', [0, 1])
def test_pixels_stay_under_their_keypoint(place, prob):
    """A bright dot under a keypoint is afterwards under its mirror partner, or itself."""
    black = np.zeros((90, 120, 3), np.uint8)
    sample = make_sample(image=black, scale=np.array([100.0, 130.0]), rotation=25.0)
    x, y = sample['keypoints'][place] = np.round(sample['keypoints'][place])
    cv2.circle(sample['image'], (int(x), int(y)), 3, (255, 255, 255), -1)
    after = sample['dataset_meta'].flip_indices[place] if prob else place
    result = TopdownAffine((96, 128), True)(RandomFlip(prob)(sample))
    ys, xs = np.nonzero(result['image'][..., 0] > 127)
    assert len(xs) > 20
    # The disk is symmetric, so its centre is exact up to the rounding of its rim.
    np.testing.assert_allclose([xs.mean(), ys.mean()], result['keypoints'][after], atol=0.25)


@pytest.mark.parametrize('shrink', [2, 4])
@pytest.mark.parametrize('image_wh', [(320, 240), (323, 241)])
@pytest.mark.parametrize('prob', [0, 1])
def test_reduced_decoding_keeps_the_geometry(tmp_path, shrink, image_wh, prob):
    """On ramps a shift of the pixels shows as a constant offset."""
    ys, xs = np.mgrid[: image_wh[1], : image_wh[0]]
    ramp = np.stack([xs * 0.7, ys, (xs + ys) * 0.45], -1).round().astype(np.uint8)
    path = write_image(tmp_path, ramp, 'ramp.jpg')
    window = {
        'image_file': path,
        'image': ...,
        'center': np.array([160.0, 120.0]),
        'scale': np.array([40.0, 40.0]) * shrink,
        'rotation': 20.0,
    }
    flip, affine = RandomFlip(prob), TopdownAffine((36, 36), True)
    crops = []
    for load in (LoadImage(), LoadImage(reduced_for_wh=(36, 36))):
        loaded = load(flip(make_sample(image_wh=image_wh, **window)))
        crops.append(affine(loaded))
    assert [crop['shrink'] for crop in crops] == [1, shrink]
    difference = crops[1]['image'].astype(float) - crops[0]['image']
    # Half a pixel would be 0.35 to 0.5 grey levels per channel for shrink 2, more for 4.
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
    np.testing.assert_array_equal(crops[0]['keypoints'], crops[1]['keypoints'])


def test_border_is_black():
    image = np.full((90, 120, 3), 200, np.uint8)
    result = TopdownAffine((48, 64))(make_sample(image=image, center=np.array([0.0, 45.0])))
    assert result['image'][:, :20].max() == 0
    assert result['image'][:, 26:].min() == 200


def test_an_empty_window_is_an_error():
    with pytest.raises(ValueError, match='positive size'):
        TopdownAffine((48, 64))(make_sample(scale=np.zeros(2)))


def test_opencv_threads_do_not_matter():
    before = cv2.getNumThreads()
    crops = []
    for threads in (1, 4):
        cv2.setNumThreads(threads)
        crops.append(TopdownAffine((192, 256))(make_sample(image=smooth_image((120, 90))))['image'])
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(*crops)
