"""The error report as a command: what it writes, what it draws, and what it says to bad input."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose.analysis.error_pictures import COLORS, draw_ap_bar, draw_errors
from mmpose.analysis.error_report import report_errors
from mmpose.evaluation.functional import evaluate_files, load_detections, load_ground_truth
from mmpose.evaluation.functional.oks_errors import analyze_errors
from mmpose.metainfo import load_metainfo

ROOT = Path(__file__).parents[2]
META = load_metainfo('coco')
SIDE = 30.0  # px between the joints of a person
POSE = np.stack([np.arange(17) % 5, np.arange(17) // 5], axis=1) * SIDE + 20
LEFT_WRIST, RIGHT_WRIST = 9, 10
TABLE = """[keypoints]
name, swap, part, weight, sigma, color
tip,  -,    -,    1,      0.05,  #ff0000
left, right, -,   1,      0.05,  #00ff00
right, left, -,   1,      0.05,  #0000ff

[skeleton_links]
from, to, color
tip, left, #ff0000
"""


def person(ann_id, image_id, shift=0.0, num_joints=17):
    keypoints = POSE[:num_joints] + np.array([shift, 0])
    low, high = keypoints.min(0), keypoints.max(0)
    return {
        'id': ann_id,
        'image_id': image_id,
        'category_id': 1,
        'keypoints': np.c_[keypoints, np.full(num_joints, 2)].ravel().tolist(),
        'num_keypoints': num_joints,
        'bbox': [*low.tolist(), *(high - low).tolist()],
        'area': 1500.0,
        'iscrowd': 0,
    }


def pose(image_id, keypoints, score):
    triples = np.c_[keypoints, np.ones(len(keypoints))]
    return {
        'image_id': image_id,
        'category_id': 1,
        'keypoints': triples.ravel().tolist(),
        'score': score,
    }


@pytest.fixture
def files(tmp_path):
    """Three images: a wrong wrist and a missed person, an invented person, all right."""
    images = [{'id': i, 'file_name': f'part/{i}.png'} for i in (1, 2, 3)]
    annotations = [person(1, 1), person(2, 1, 200), person(3, 2), person(4, 3)]
    ann_file = tmp_path / 'ann.json'
    categories = [{'id': 1, 'name': 'person'}]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    ann_file.write_text(json.dumps(content))
    wrong = POSE.copy()
    wrong[LEFT_WRIST] = POSE[RIGHT_WRIST]
    shift = np.array([170.0, 40.0])
    results = [pose(1, wrong, 0.9), pose(2, POSE, 0.7), pose(2, POSE + shift, 0.8)]
    result_file = tmp_path / 'results.json'
    result_file.write_text(json.dumps([*results, pose(3, POSE, 0.6)]))
    (tmp_path / 'images/part').mkdir(parents=True)
    for i in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f'images/part/{i}.png'), np.full((160, 400, 3), 128, np.uint8))
    return ann_file, result_file, tmp_path / 'images'


def run(*arguments, code=0):
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/analyze_errors.py', *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'PYTHONPATH': path},
    )
    assert done.returncode == code, done.stderr
    return done


def pictures(page):
    """The embedded pictures of a page."""
    parts = re.findall(r'base64,([^"]+)"', page.read_text())
    return [cv2.imdecode(np.frombuffer(base64.b64decode(p), np.uint8), 1) for p in parts]


def test_the_command_writes_all_three(files, tmp_path):
    ann_file, result_file, images = files
    out = tmp_path / 'report'
    done = run(result_file, '--ann', ann_file, '--images', images, '--out', out)
    assert {path.name for path in out.iterdir()} == {'errors.json', 'errors.html', 'errors.png'}
    content = json.loads((out / 'errors.json').read_text())
    assert content['figures'] == evaluate_files(ann_file, result_file, META.sigmas)
    counts = {row['kind']: row['count'] for row in content['kinds']}
    assert counts == {
        **{'miss': 0, 'swap': 0, 'inversion': 1, 'jitter': 0},
        **{'score': 0, 'false_positive': 1, 'false_negative': 1},
    }
    assert content['kinds'][-1]['ap_progressive'] == pytest.approx(1)
    assert content['joints']['left_wrist']['inversion'] == 1
    assert content['sizes']['medium']['people'] == content['crowding']['0']['people'] == 4
    worst = content['worst_images']
    assert [image['file_name'] for image in worst] == ['part/1.png', 'part/2.png']
    assert worst[0]['loss'] == pytest.approx(1 + 1 / 17, abs=1e-3)
    assert worst[1]['loss'] == pytest.approx(2 / 3)  # two of three found people score lower
    assert len(pictures(out / 'errors.html')) == 1 + len(worst)
    text = (out / 'errors.html').read_text()
    assert '1 inversion, 1 missed person' in text
    for line in ('Kinds of error', 'left wrist', str(out / 'errors.html')):
        assert line in done.stdout
    verdict = done.stdout.splitlines()[0]
    assert verdict.startswith(f'AP {100 * content["figures"]["AP"]:.1f} of 4 people.')
    assert verdict in text
    assert 'no pictures' not in done.stdout


def test_without_images_there_are_tables_and_a_note(files):
    ann_file, result_file, _ = files
    done = run(result_file, '--ann', ann_file, '--num-worst', 1)
    assert 'no pictures of the worst images: --images' in done.stdout
    out = result_file.with_suffix('')  # beside the result file
    assert len(pictures(out / 'errors.html')) == 1
    assert len(json.loads((out / 'errors.json').read_text())['worst_images']) == 1


def test_a_perfect_result_says_so(files, tmp_path):
    ann_file, result_file, images = files
    annotations = json.loads(ann_file.read_text())['annotations']
    result_file.write_text(json.dumps([{**a, 'score': 1.0} for a in annotations]))
    text = report_errors(result_file, ann_file, image_folder=images, out_dir=tmp_path / 'out')
    assert text.splitlines()[0] == 'AP 100.0 of 4 people; no kind of error costs AP.'
    assert 'Worst images\nnone' in text
    assert len(pictures(tmp_path / 'out/errors.html')) == 1


def test_the_verdict_names_the_remedy(files, tmp_path):
    ann_file, result_file, _ = files
    results = json.loads(result_file.read_text())
    del results[2]  # the invented person
    result_file.write_text(json.dumps(results))
    text = report_errors(result_file, ann_file, out_dir=tmp_path / 'out')
    assert 'people. Finding the missed people alone would bring most: +' in text.splitlines()[0]


def has_color(image, kind):
    return bool((np.abs(image.astype(int) - COLORS[kind]).max(axis=2) <= 2).any())


@pytest.mark.parametrize(
    ('image', 'shown'), [(1, {'inversion', 'false_negative'}), (2, {'false_positive'}), (3, set())]
)
def test_errors_are_drawn_in_the_colour_of_their_kind(files, image, shown):
    ann_file, result_file, images = files
    gt, dt = load_ground_truth(ann_file, 17), load_detections(result_file, 17)
    analysis = analyze_errors(gt, dt, META.sigmas, META.flip_indices)
    pixels = cv2.imread(str(images / f'part/{image}.png'))
    before = pixels.copy()
    drawn = draw_errors(
        pixels,
        analysis,
        np.flatnonzero(gt.image_id == image),
        np.flatnonzero(analysis.dt.image_id == image),
        META,
    )
    np.testing.assert_array_equal(pixels, before)
    right = drawn[60:, drawn.shape[1] // 2 :]  # below the titles
    kinds = set(COLORS) - {'AP', 'within human error'}
    assert {kind for kind in kinds if has_color(right, kind)} == shown


def test_the_bar_is_as_long_as_the_points():
    bar = draw_ap_bar(0.5, {'miss': 0.2, 'score': -0.1, 'jitter': 0.1})
    row = bar[30]
    lengths = {kind: int((row == COLORS[kind]).all(axis=1).sum()) for kind in COLORS}
    assert lengths['AP'] == 500
    assert lengths['miss'] == 200
    assert lengths['jitter'] == 100
    assert lengths['score'] == 0
    assert lengths['within human error'] == 200


def test_a_skeleton_of_your_own_and_names_for_images(tmp_path):
    table = tmp_path / 'arrow.csv'
    table.write_text(TABLE)
    images = [{'id': 'a', 'file_name': 'a.jpg'}]
    annotations = [person(1, 'a', num_joints=3)]
    ann_file, result_file = tmp_path / 'ann.json', tmp_path / 'results.json'
    categories = [{'id': 1, 'name': 'arrow'}]
    ann_file.write_text(
        json.dumps({'images': images, 'annotations': annotations, 'categories': categories})
    )
    result_file.write_text(json.dumps([pose('a', POSE[[0, 2, 1]], 0.5)]))
    text = report_errors(result_file, ann_file, dataset=table)
    assert re.search(r'inversion +2 ', text)
    assert re.search(r'left +1 +0.0 +0.0 +100.0', text)


def test_areas_are_those_of_the_evaluation_of_the_dataset(tmp_path):
    ann_file, result_file = tmp_path / 'ann.json', tmp_path / 'results.json'
    joints = np.concatenate([POSE[:14], np.full((14, 1), 2)], axis=1)
    annotation = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 100, 200]}
    annotation['keypoints'] = joints.ravel().tolist()
    content = {'images': [{'id': 1, 'file_name': 'a.jpg'}], 'annotations': [annotation]}
    ann_file.write_text(json.dumps({**content, 'categories': [{'id': 1, 'name': 'person'}]}))
    result_file.write_text(json.dumps([pose(1, POSE[:14], 0.5)]))
    reports = []
    for use_area in (None, True):
        out = tmp_path / f'out_{use_area}'
        report_errors(result_file, ann_file, dataset='crowdpose', use_area=use_area, out_dir=out)
        reports.append(json.loads((out / 'errors.json').read_text())['figures'])
    # CrowdPose takes box areas; so does whoever asks for areas that the file has not
    assert reports[0]['AP'] == reports[1]['AP']


def cut_skeleton(ann_file, result_file, images):
    result_file.write_text(json.dumps([pose(1, POSE[:14], 0.5)]))


def remove_results(ann_file, result_file, images):
    result_file.unlink()


def remove_annotations(ann_file, result_file, images):
    ann_file.unlink()


def empty_folder(ann_file, result_file, images):
    for path in images.glob('part/*'):
        path.unlink()


def remove_folder(ann_file, result_file, images):
    empty_folder(ann_file, result_file, images)
    (images / 'part').rmdir()
    images.rmdir()


def spoil_image(ann_file, result_file, images):
    (images / 'part/1.png').write_text('no image')


def unlabel(ann_file, result_file, images):
    content = json.loads(ann_file.read_text())
    for annotation in content['annotations']:
        annotation['num_keypoints'] = 0
    ann_file.write_text(json.dumps(content))


def other_images(ann_file, result_file, images):
    result_file.write_text(json.dumps([pose(99, POSE, 0.5)]))


@pytest.mark.parametrize(
    ('damage', 'sentence'),
    [
        (
            cut_skeleton,
            r"pose 0: field 'keypoints' has 42 .*'coco' of 17 .*--dataset",
        ),
        (remove_results, r'results.json does not exist'),
        (remove_annotations, r'ann.json does not exist'),
        (empty_folder, r"part/1.png: no such image; --images must be .*'file_name' of .*ann.json"),
        (remove_folder, r'images: no such folder; --images'),
        (spoil_image, r'part/1.png: cannot be read as an image'),
        (unlabel, r'ann.json: no annotation counts'),
        (other_images, r'results.json: image_id 99 .*not among'),
    ],
)
def test_bad_input_gives_one_sentence(files, damage, sentence, tmp_path):
    ann_file, result_file, images = files
    damage(*files)
    with pytest.raises((ValueError, OSError), match=sentence) as caught:
        report_errors(result_file, ann_file, image_folder=images, out_dir=tmp_path / 'out')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (['--num-worst', '-1'], '--num-worst is -1; expected 0 or more'),
        (['--dataset', 'cocoa'], "no skeleton 'cocoa'"),
    ],
)
def test_bad_options_give_one_sentence(files, options, sentence):
    done = run(files[1], '--ann', files[0], *options, code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: ')
    assert sentence in line


def test_starts_without_torch():
    code = (
        "import sys, runpy; sys.argv = ['analyze_errors.py', '--help']\n"
        "try: runpy.run_path('tools/analyze_errors.py', run_name='__main__')\n"
        'except SystemExit: pass\n'
        "print('torch' in sys.modules, 'mmpose.analysis.error_report' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == 'False True'
