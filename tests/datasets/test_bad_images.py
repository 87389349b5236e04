"""Missing, damaged and wrong images stop the run, or are replaced without losing count."""

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmpose.datasets import CocoDataset, SampleIndex, collate_poses
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
        next(iter(DataLoader(data, 2, num_workers=1, collate_fn=collate_poses)))


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


@pytest.mark.parametrize('on_bad_image', ['raise', 'skip'])
def test_an_image_of_another_size_is_never_skipped(tiny, tmp_path, on_bad_image):
    tiny_coco.cv2.imwrite(
        str(tmp_path / 'data' / 'images' / '1.png'), tiny_coco.smooth_image((90, 60))
    )
    data = CocoDataset(**tiny, pipeline=tiny_coco.PIPELINE, on_bad_image=on_bad_image)
    message = r'LoadImage failed on .*1\.png.*is 90x60 px .*annotation file says 80x60'
    with pytest.raises(RuntimeError, match=message):
        data[2]
