"""What LoadImage reads, and what it refuses."""

import struct

import cv2
import numpy as np
import pytest
from samples import make_sample, write_image

from mmpose.datasets.transforms import BadImageError, LoadImage
from tests.datasets.tiny_coco import smooth_image


def load(path, image_wh=(40, 30), transform=None, **changes):
    sample = make_sample(image=..., image_file=path, image_wh=image_wh, **changes)
    return (transform or LoadImage())(sample)


def with_orientation(path, orientation):
    """Writes an EXIF orientation into a JPEG file."""
    entry = struct.pack('<HHII', 0x0112, 3, 1, orientation)
    tiff = b'II*\0' + struct.pack('<IH', 8, 1) + entry + struct.pack('<I', 0)
    body = b'Exif\0\0' + tiff
    with open(path, 'rb') as file:
        data = file.read()
    with open(path, 'wb') as file:
        file.write(data[:2] + b'\xff\xe1' + struct.pack('>H', len(body) + 2) + body + data[2:])
    return path


def test_pixels_are_bgr(tmp_path):
    image = smooth_image((40, 30))
    result = load(write_image(tmp_path, image))
    np.testing.assert_array_equal(result['image'], image)
    assert result['image_wh'] == (40, 30)
    assert result['shrink'] == 1


@pytest.mark.parametrize('kind', ['grey', 'alpha', '16 bit'])
def test_other_kinds_become_8_bit_colour(tmp_path, kind):
    image = smooth_image((40, 30))
    stored = {
        'grey': image[..., 0],
        'alpha': np.dstack([image, image[..., :1]]),
        '16 bit': image.astype(np.uint16) * 257,
    }[kind]
    result = load(write_image(tmp_path, stored))['image']
    expected = np.repeat(image[..., :1], 3, axis=2) if kind == 'grey' else image
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_unknown_size_is_filled_in(tmp_path):
    path = write_image(tmp_path, smooth_image((40, 30)))
    assert load(path, image_wh=(0, 0))['image_wh'] == (40, 30)


def test_an_image_in_memory_is_kept():
    sample = make_sample(image_wh=(120, 90))
    image = sample['image']
    sample['image_wh'] = (0, 0)
    result = LoadImage()(sample)
    assert result['image'] is image
    assert result['image_wh'] == (120, 90)


@pytest.mark.parametrize('share', [0.02, 0.5, 0.97])
def test_a_truncated_jpeg_is_not_filled_with_grey(tmp_path, share):
    path = tmp_path / 'x.jpg'
    write_image(tmp_path, smooth_image((400, 300)), 'x.jpg')
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadImageError, match=r'x\.jpg .* cannot be decoded; it is damaged'):
        load(str(path), (400, 300))


def test_not_an_image(tmp_path):
    (tmp_path / 'page.jpg').write_text('<html>404 not found</html>')
    with pytest.raises(BadImageError, match=r'page\.jpg \(26 bytes\) cannot be decoded'):
        load(str(tmp_path / 'page.jpg'))


def test_another_size(tmp_path):
    path = write_image(tmp_path, smooth_image((41, 30)))
    with pytest.raises(ValueError, match=r'is 41x30 px .* says 40x30; is it the image'):
        load(path)


@pytest.mark.parametrize(
    ('apply_exif', 'annotated', 'hint'),
    [(True, (40, 30), 'exchange them there'), (False, (30, 40), 'set LoadImage.apply_exif=True')],
)
def test_exif_orientation(tmp_path, apply_exif, annotated, hint):
    """Orientation 6 is stored 40 x 30 and shown 30 x 40, turned clockwise."""
    image = smooth_image((40, 30))
    path = with_orientation(write_image(tmp_path, image, 'turned.jpg'), 6)
    transform = LoadImage(apply_exif)
    with pytest.raises(ValueError, match=rf'EXIF .*{hint}'):
        load(path, annotated, transform)
    result = load(path, annotated[::-1], transform)['image'].astype(int)
    expected = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE) if apply_exif else image
    assert np.abs(result - expected).mean() < 2  # JPEG


@pytest.mark.parametrize(('scale', 'shrink'), [(95, 1), (100, 2), (199, 2), (200, 4), (1000, 4)])
def test_reduced_only_while_there_are_enough_pixels(tmp_path, scale, shrink):
    path = write_image(tmp_path, smooth_image((401, 303)), 'x.jpg')
    transform = LoadImage(reduced_for_wh=(50, 50))
    assert 'scale' in transform.reads
    result = load(path, (401, 303), transform, scale=np.array([scale, 1000.0]))
    assert result['shrink'] == shrink
    assert result['image'].shape[:2] == (-(-303 // shrink), -(-401 // shrink))
    assert result['image_wh'] == (401, 303)


def test_size_check_of_a_reduced_image(tmp_path):
    path = write_image(tmp_path, smooth_image((400, 300)), 'x.jpg')
    with pytest.raises(ValueError, match='annotation file says 500x300'):
        load(path, (500, 300), LoadImage(reduced_for_wh=(50, 50)), scale=np.array([900.0, 900.0]))
