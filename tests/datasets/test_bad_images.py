"""Missing, damaged and wrong images stop the run, or are replaced without losing count."""

import os
import struct
import zlib

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmpose.datasets import CocoDataset, PoseSampler, SampleIndex, collate_poses
from mmpose.datasets.transforms import BadImageError, MissingImageError
from tests.datasets import tiny_coco


def remove(path):
    path.unlink()


def damage(path):
    path.write_bytes(path.read_bytes()[:200])


def empty(path):
    path.write_bytes(b'')


@pytest.mark.parametrize(
    ('spoil', 'kind', 'message'),
    [
        (remove, MissingImageError, r'image .*1\.png does not exist; set dataset\.data_root'),
        (remove, FileNotFoundError, r'image .*1\.png does not exist'),
        (damage, BadImageError, r'image .*1\.png \(200 bytes\) cannot be decoded; it is damaged'),
        (empty, BadImageError, r'image .*1\.png \(0 bytes\) cannot be decoded'),
    ],
)
@pytest.mark.parametrize('test_mode', [True, False])
def test_raise(tiny, tmp_path, spoil, kind, message, test_mode):
    data = CocoDataset(**tiny, pipeline=tiny_coco.TEST_PIPELINE, test_mode=test_mode)
    spoil(tmp_path / 'data' / 'images' / '1.png')
    data[1]
    with pytest.raises(kind, match=message):
        data[2]


@pytest.mark.parametrize(('spoil', 'kind'), [(remove, MissingImageError), (damage, BadImageError)])
def test_the_error_of_a_worker_is_the_same(tiny, tmp_path, spoil, kind):
    spoil(tmp_path / 'data' / 'images' / '0.png')
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    with pytest.raises(kind, match=r'image .*0\.png'):
        next(
            iter(
                DataLoader(
                    data,
                    2,
                    sampler=PoseSampler(data, 0, shuffle=False),
                    num_workers=1,
                    collate_fn=collate_poses,
                )
            )
        )


@pytest.mark.parametrize('spoil', [remove, damage])
def test_skip_in_training(tiny, tmp_path, spoil):
    path = tmp_path / 'data' / 'images' / '1.png'
    spoil(path)
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE, on_bad_image='skip')
    with pytest.warns(
        UserWarning, match=r'image .*1\.png .*; using another sample instead'
    ) as seen:
        first = [data[SampleIndex(i, 1, 5)] for i in range(6)]
    assert len(seen) == 1, 'once per file'
    assert data.bad_images[str(path)] >= 2
    assert {sample['img_id'] for sample in first} == {100, 102}
    again = [data[SampleIndex(i, 1, 5)] for i in range(6)]
    for a, b in zip(first, again, strict=True):
        assert a['ann_id'] == b['ann_id']
        np.testing.assert_array_equal(a['image'], b['image'])
    replacements = {data[SampleIndex(2, epoch, 5)]['ann_id'] for epoch in range(20)}
    assert len(replacements) > 1, 'not always the same sample'


def test_skip_at_test_time_keeps_the_sample(tiny, tmp_path):
    remove(tmp_path / 'data' / 'images' / '1.png')
    data = CocoDataset(
        **tiny, pipeline=tiny_coco.TEST_PIPELINE, test_mode=True, on_bad_image='skip'
    )
    with pytest.warns(UserWarning, match='using a blank image with score 0 instead'):
        batch = collate_poses([data[i] for i in range(6)])
    assert batch['batch']['ann_id'].tolist() == [1, 2, 3, 4, 5, 6]
    assert batch['batch']['bbox_score'].tolist() == [1, 1, 0, 0, 1, 1]
    assert batch['inputs'].flatten(1).float().mean(1).bool().tolist() == [1, 1, 0, 0, 1, 1]


@pytest.mark.filterwarnings('ignore:image .* does not exist')
def test_skip_gives_up_when_nothing_is_left(tiny, tmp_path):
    for path in (tmp_path / 'data' / 'images').iterdir():
        remove(path)
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE, on_bad_image='skip')
    with pytest.raises(BadImageError, match='10 images in a row are missing or damaged; check'):
        data[0]


def bomb(path):
    """A PNG of a few bytes that says it has 60,000 x 60,000 px, more than OpenCV takes."""
    header = b'IHDR' + struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack('>I', 13) + header + struct.pack('>I', zlib.crc32(header))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk)


def folder(path):
    path.unlink()
    path.mkdir()


def link_loop(path):
    path.unlink()
    path.symlink_to(path)


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def another_size(path):
    tiny_coco.cv2.imwrite(str(path), tiny_coco.smooth_image((90, 60)))


def turned(path):
    tiny_coco.cv2.imwrite(str(path), tiny_coco.smooth_image((60, 80)))


def device(path):
    path.unlink()
    path.symlink_to('/dev/null')


KINDS = {
    bomb: 'cannot be decoded: .*60000|cannot be decoded',
    folder: r'1\.png is a folder',
    link_loop: 'cannot be read: Too many levels of symbolic links',
    pipe: r'1\.png is no file but a pipe or a device',
    device: r'1\.png is no file but a pipe or a device',
    another_size: 'is 90x60 px .*annotation file says 80x60; is it the image',
    turned: r'is 60x80 px .* says 80x60; EXIF turns the picture',
}


@pytest.mark.parametrize(
    ('spoil', 'message'), KINDS.items(), ids=lambda x: getattr(x, '__name__', '')
)
@pytest.mark.parametrize('num_workers', [0, 1])
def test_every_kind_is_a_sentence_and_can_be_skipped(tiny, tmp_path, spoil, message, num_workers):
    spoil(tmp_path / 'data' / 'images' / '1.png')
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    with pytest.raises(BadImageError, match=message):
        list(
            DataLoader(
                data,
                2,
                sampler=PoseSampler(data, 0, shuffle=False),
                num_workers=num_workers,
                collate_fn=collate_poses,
            )
        )
    if num_workers:
        return
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE, on_bad_image='skip')
    with pytest.warns(UserWarning, match='using another sample instead'):
        assert {data[i]['img_id'] for i in range(6)} == {100, 102}


def test_a_name_that_is_too_long(tiny, tmp_path):
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE)
    for name, message in (('x' * 300 + '.png', 'name too long'), ('a\0b.png', 'null')):
        with pytest.raises(BadImageError, match=f'(?i)cannot be read: .*{message}'):
            data.pipeline({'image_file': str(tmp_path / name), 'image_wh': (80, 60)})
