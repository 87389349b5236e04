"""Decoders give the same pixels; images come from other storage by mmengine's file backends."""

import itertools

import cv2
import numpy as np
import pytest

from mmpose.datasets.transforms import BadImageError, LoadImage, TopdownAffine, loading
from mmpose.registry import DATASETS
from tests.datasets import image_storage, tiny_coco
from tests.datasets.test_combined import equal_samples

SAMPLINGS = [getattr(cv2, f'IMWRITE_JPEG_SAMPLING_FACTOR_{n}') for n in (444, 422, 420, 440, 411)]


@pytest.fixture
def server(tmp_path):
    """Address of a server of the folder of the test."""
    with image_storage.served(tmp_path) as address:
        yield address


def jpeg(wh, sampling=SAMPLINGS[0], progressive=0, quality=90):
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_QUALITY, quality]
    image = tiny_coco.smooth_image(wh)
    return cv2.imencode('.jpg', image, [*options, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1]


@pytest.mark.parametrize('num_rows', [None, 1 << 16])
def test_both_decoders_give_the_same_pixels(num_rows):
    pytest.importorskip('simplejpeg')
    sizes = [(64, 48), (33, 17), (1, 1)]
    for wh, sampling, progressive in itertools.product(sizes, SAMPLINGS, (0, 1)):
        data = jpeg(wh, sampling, progressive)
        image = loading._decode_jpeg(data.tobytes(), num_rows)
        np.testing.assert_array_equal(image[..., :3], cv2.imdecode(data, cv2.IMREAD_COLOR))


@pytest.mark.parametrize('decoder', ['simplejpeg', 'OpenCV'])
def test_the_rows_that_are_needed_are_the_same(decoder, tmp_path, monkeypatch):
    """Colours of a row are mixed from those of the next one, which a cut must leave."""
    if decoder == 'OpenCV':
        monkeypatch.setattr(loading, '_simplejpeg', lambda: None)
    else:
        pytest.importorskip('simplejpeg')
    rng, path = np.random.default_rng(0), tmp_path / 'image.jpg'
    for sampling, progressive, colours in itertools.product(SAMPLINGS, (0, 1), (3, 1)):
        options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        options += [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 3]
        cv2.imwrite(str(path), rng.integers(0, 256, (150, 50, colours), np.uint8), options)
        expected = cv2.imread(str(path))
        for num_rows in (1, 17, 90, 133, 134, 149, 200):
            image = LoadImage()._decode(str(path), 1, num_rows=num_rows)
            assert image.shape == (150, 50, 4)
            np.testing.assert_array_equal(image[:num_rows, :, :3], expected[:num_rows])


def test_what_is_cut_below():
    data = jpeg((40, 80)).tobytes()
    upper = loading._cut_below(data, 80, 30)
    assert cv2.imdecode(np.frombuffer(upper, np.uint8), cv2.IMREAD_COLOR).shape == (30, 40, 3)
    assert loading._cut_below(data, 80, 80) is None
    assert loading._cut_below(data, 81, 30) is None, 'another height in the header'
    assert loading._cut_below(data[:-2], 80, 30) is None, 'a truncated file has to be noticed'
    assert loading._cut_below(jpeg((40, 80), progressive=1).tobytes(), 80, 30) is None


@pytest.mark.parametrize('use_udp', [True, False])
@pytest.mark.parametrize('fix_aspect', [True, False])
def test_a_crop_touches_no_row_below(use_udp, fix_aspect):
    rng = np.random.default_rng(0)
    affine = TopdownAffine((48, 64), use_udp, fix_aspect)
    num_cut = 0
    for _ in range(300):
        image = rng.integers(0, 256, (90, 70, 3), np.uint8)
        window = dict(center=rng.uniform(-20, 100, 2), scale=rng.uniform(5, 90, 2))
        window |= dict(rotation=rng.uniform(-180, 180), flipped=rng.random() < 0.5)
        window |= dict(image_wh=(70, 90))
        expected = affine({**window, 'image': image})['image']
        num_rows = affine.num_rows(window)
        num_cut += num_rows < 90
        image = np.where(np.arange(90)[:, None, None] < num_rows, image, 0)
        np.testing.assert_array_equal(affine({**window, 'image': image})['image'], expected)
    assert num_cut > 50
    nowhere = {**window, 'center': np.full(2, np.nan)}
    assert affine.num_rows(nowhere) > loading.EVERY_ROW, 'whoever makes the crop says what is wrong'


def odd_files():
    data = jpeg((40, 30)).tobytes()
    exif = b'\xff\xe1\x00\x08Exif\0\0'
    grey = cv2.imencode('.jpg', np.zeros((5, 5), np.uint8))[1].tobytes()
    png = cv2.imencode('.png', tiny_coco.smooth_image((9, 9)))[1].tobytes()
    return {
        'exif': data[:2] + exif + data[2:], 'grey': grey, 'png': png,
        'truncated': data[: len(data) // 2], 'text': b'no image', 'head': data[:9], 'empty': b'',
    }  # fmt: skip


@pytest.mark.parametrize(('name', 'data'), odd_files().items())
def test_the_rest_is_left_to_opencv(name, data):
    assert loading._decode_jpeg(data, None) is None


def test_an_image_that_is_kept_stays(tmp_path):
    paths = [tmp_path / f'{i}.jpg' for i in range(2)]
    for path, wh in zip(paths, [(40, 30), (30, 40)], strict=True):
        path.write_bytes(jpeg(wh).tobytes())
    first, second = (
        LoadImage()({'image_file': str(path), 'image_wh': (0, 0)})['image'] for path in paths
    )
    expected = cv2.imread(str(paths[0]))
    np.testing.assert_array_equal(first, expected)
    assert not np.shares_memory(first, second)


def loads(config, **changes):
    dataset = DATASETS.build({'type': 'CocoDataset', **config, **changes})
    return [dataset[i] for i in range(len(dataset))]


@pytest.mark.parametrize(
    'prefix', ['{url}/data/images', '{url}/data/images/', None], ids=['plain', 'slash', 'root']
)
def test_images_of_a_server(prefix, server, tiny, tmp_path):
    expected = loads(tiny, pipeline=tiny_coco.PIPELINE)
    changes = dict(data_prefix=dict(img=prefix and prefix.format(url=server)))
    if prefix is None:
        ann_file = str(tmp_path / 'data/ann.json')
        changes = dict(data_root=f'{server}/data', ann_file=ann_file)
    found = loads(tiny, pipeline=tiny_coco.PIPELINE, **changes)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours['image_file'].startswith(server)
        equal_samples({**ours, 'image_file': ''}, {**theirs, 'image_file': ''})


def test_images_of_a_backend_of_the_user(tiny, tmp_path):
    expected = loads(tiny, pipeline=tiny_coco.PIPELINE)
    backend = image_storage.turn(tmp_path / 'data/images', tmp_path / 'stored', 'bucket')
    pipeline = [dict(type='LoadImage', backend_args=backend), *tiny_coco.PIPELINE[1:]]
    changes = dict(data_root='', ann_file=str(tmp_path / 'data/ann.json'))
    found = loads(tiny, pipeline=pipeline, data_prefix=dict(img='bucket'), **changes)
    for ours, theirs in zip(found, expected, strict=True):
        equal_samples({**ours, 'image_file': ''}, {**theirs, 'image_file': ''})


@pytest.mark.parametrize(
    ('path', 'backend_args', 'message'),
    [
        ('{url}/none.jpg', None, 'none.jpg cannot be read .*404'),
        ('http://127.0.0.1:1/a.jpg', None, 'a.jpg cannot be read .*URLError'),
        ('nobody://a.jpg', {'backend': 'nobody'}, r'cannot be read .*nobody'),
        ('a.jpg', {'backend': 'upside_down'}, r'cannot be read .*folder'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(path, backend_args, message, server):
    load = LoadImage(backend_args=backend_args)
    with pytest.raises(BadImageError, match=message) as caught:
        load({'image_file': path.format(url=server), 'image_wh': (0, 0)})
    assert '\n' not in str(caught.value)


def test_local_is_local(tiny):
    assert LoadImage(backend_args=dict(backend='local')).backend_args is None
    with pytest.raises(FileNotFoundError, match=r'image folder .*nowhere does not exist'):
        loads(tiny, pipeline=tiny_coco.PIPELINE, data_prefix=dict(img='nowhere'))
