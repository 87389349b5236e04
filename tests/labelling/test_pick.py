"""Which images are picked, what is written for the annotator, and that it comes back as it was."""

import csv
import json

import cv2
import numpy as np
import pytest

from mmpose.dataset_tools.convert import convert_annotations
from mmpose.labelling.pick import TOOL_FILES, farthest_first, pick_images
from mmpose.metainfo import load_metainfo
from tests.labelling.dot_backend import BLIND, DotBackend, dot_inferencer, image_with_dot

RED, BLUE = (0, 0, 120), (120, 0, 0)
# two that are alike and dark, one that differs, and one of which the model is sure
IMAGES = {
    'red_a': image_with_dot((60, 40), 190, RED),
    'red_b': image_with_dot((62, 40), 191, RED),
    'blue': image_with_dot((80, 60), 205, BLUE),
    'sure': image_with_dot((90, 70)),
}


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images'
    (folder / 'more').mkdir(parents=True)
    for name, image in IMAGES.items():
        path = folder / ('more' if name == 'blue' else '') / f'{name}.png'
        cv2.imwrite(str(path), image)
    return folder


def pick(images, out, num=2, **options):
    inputs, about = [str(images), str(images / 'more')], {'model': 'dots'}
    text = pick_images(dot_inferencer(), inputs, num, out, about, **options)
    with (out / 'picked.csv').open() as file:
        return list(csv.DictReader(file)), text


def test_the_least_sure_come_first_and_none_twice(images, tmp_path):
    rows, text = pick(images, tmp_path / 'out')
    assert [row['image'] for row in rows] == ['red_a.png', 'more/blue.png']
    assert float(rows[0]['uncertainty']) > float(rows[1]['uncertainty'])
    assert '2 of 4 images' in text
    copied = cv2.imread(str(tmp_path / 'out/images/more/blue.png'))
    np.testing.assert_array_equal(copied, IMAGES['blue'])
    assert cv2.imread(str(tmp_path / 'out/contact_sheet.jpg')).shape[1] > 2 * 200
    rows, _ = pick(images, tmp_path / 'all', num=50)
    assert len(rows) == 4
    assert rows[-1]['image'] in ('red_b.png', 'sure.png')


@pytest.mark.parametrize('tool', TOOL_FILES)
def test_predictions_come_back_as_they_were(images, tmp_path, tool):
    out = tmp_path / 'out'
    pick(images, out, num=3, tool=tool)
    back = tmp_path / 'back.json'
    convert_annotations(out / TOOL_FILES[tool], back, tool, 'coco', metainfo='coco')
    before, after = (json.loads(path.read_text()) for path in (out / 'predictions.json', back))
    assert [x['file_name'] for x in after['images']] == [x['file_name'] for x in before['images']]
    for old, new in zip(before['annotations'], after['annotations'], strict=True):
        assert old['image_id'] == new['image_id']
        points = [np.array(x['keypoints']).reshape(17, 3) for x in (old, new)]
        assert (points[0][:, 2] == 2).all()
        np.testing.assert_allclose(*points, atol=0.01)  # px, to which CVAT's file is rounded
        np.testing.assert_allclose(old['bbox'], new['bbox'], atol=0.01)
    pick(images, out, num=2, tool=tool)  # what this command has made it may replace
    (out / TOOL_FILES[tool]).write_text('corrected by hand')
    with pytest.raises(FileExistsError, match='no command of this project has made it'):
        pick(images, out, num=2, tool=tool)


def test_unlikely_keypoints_are_left_to_the_annotator(images, tmp_path):
    pick(images, tmp_path / 'out', kpt_threshold=0.5)
    content = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert np.array(content['annotations'][0]['keypoints'])[2::3].tolist().count(0) == 2


def test_two_models_disagree(images, tmp_path):
    alone, _ = pick(images, tmp_path / 'a', num=4)
    same, _ = pick(images, tmp_path / 'b', num=4, second=DotBackend())
    moved, _ = pick(images, tmp_path / 'c', num=4, second=DotBackend(shift=15.0))
    assert {float(row['similarity']) for row in alone} == {1.0}
    values = [{row['image']: float(row['uncertainty']) for row in x} for x in (alone, same, moved)]
    for image in values[0]:
        assert values[0][image] <= values[1][image] + 1e-6 < values[2][image]


@pytest.mark.parametrize('seed', range(3))
def test_farthest_first_is_the_greedy_k_center(seed):
    rng = np.random.default_rng(seed)
    features, weights = rng.normal(size=(40, 5)), rng.uniform(size=40)
    found = farthest_first(features, weights, 12).tolist()
    expected = [max(range(40), key=lambda i: weights[i])]
    while len(expected) < 12:
        gains = {
            i: weights[i] * min(sum((features[i] - features[j]) ** 2) ** 0.5 for j in expected)
            for i in range(40)
            if i not in expected
        }
        expected.append(max(gains, key=gains.__getitem__))
    assert found == expected
    assert sorted(farthest_first(features, np.zeros(40), 40)) == list(range(40))


def test_bad_input(images, tmp_path):
    with pytest.raises(ValueError, match='0 images are to be picked'):
        pick(images, tmp_path / 'out', num=0)
    other = DotBackend()
    other.dataset_meta = load_metainfo('mpii')
    with pytest.raises(ValueError, match="skeleton 'coco' and --model2 'mpii'"):
        pick(images, tmp_path / 'out', second=other)
    writer = cv2.VideoWriter(
        str(tmp_path / 'v.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 25.0, (160, 120)
    )
    writer.write(IMAGES['sure'])
    writer.release()
    with pytest.raises(ValueError, match=r'v.avi. is a video; expected images'):
        pick_images(dot_inferencer(), [str(tmp_path / 'v.avi')], 1, tmp_path / 'out', {})
    names = {f'{name}.png': [] for name in IMAGES}
    (tmp_path / 'boxes.json').write_text(json.dumps(names))
    blind = dot_inferencer(detector=str(tmp_path / 'boxes.json'))
    with pytest.raises(ValueError, match='3 images were looked at, and no instance was found'):
        pick_images(blind, [str(images)], 1, tmp_path / 'out', {})


def test_blind_keypoints_raise_the_uncertainty(images, tmp_path):
    rows, _ = pick(images, tmp_path / 'out', num=4)
    sure = next(row for row in rows if row['image'] == 'sure.png')
    # 7 keypoints of score 0.9 that agree, 2 of 0.4, and those that do not agree
    least = 1 - (7 * 0.9 + 2 * 0.4 + len(BLIND) * 0.9) / 17
    assert least + 0.2 < float(sure['uncertainty']) <= 1 - (7 * 0.9 + 2 * 0.4) / 17 + 1e-3
