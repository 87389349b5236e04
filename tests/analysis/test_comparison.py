"""Two results: the interval, who is named the better one, pictures, and files that do not fit."""

import base64
import html
import json
import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from analysis_data import ANN, IMAGES, keep_images, make_people, write_poses

from mmpose.analysis.comparison import compare_files
from mmpose.analysis.comparison_report import (
    changed_images,
    comparison_summary,
    report_comparison,
)
from mmpose.evaluation.functional import evaluate_files
from mmpose.metainfo import load_metainfo

ROOT = Path(__file__).parents[2]
FEW = dict(num_resamples=50)


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp('data'))


@pytest.fixture
def files(people, tmp_path):
    ann_file = people / ANN
    worse = write_poses(tmp_path / 'worse/result_keypoints.json', ann_file, 0.08)
    better = write_poses(tmp_path / 'better/result_keypoints.json', ann_file, 0.04, seed=1)
    return worse, better, ann_file


def test_figures_are_those_of_the_evaluation(files):
    worse, better, ann_file = files
    found = compare_files(worse, better, ann_file, **FEW)
    sigmas = load_metainfo('coco').sigmas
    for side, path in (('first', worse), ('second', better)):
        expected = evaluate_files(ann_file, path, sigmas)
        assert {x.name: getattr(x, side) for x in found.metrics} == pytest.approx(expected)
    assert found.names == ('worse', 'better')
    ap = found.metrics[0]
    assert ap.interval[0] <= ap.difference <= ap.interval[1]
    assert ap.interval[0] > 0
    assert ap.share_better == 1
    assert ap.p_value == pytest.approx(2 / 51)
    assert comparison_summary(found).endswith('better is better.')
    assert np.nanmin(found.keypoint_ap[:, 1] - found.keypoint_ap[:, 0]) > 0


def test_exchanged_results_have_the_opposite_difference(files):
    ann_file = files[2]
    there, back = (compare_files(*pair, ann_file, **FEW) for pair in (files[:2], files[1::-1]))
    ap, opposite = there.metrics[0], back.metrics[0]
    assert opposite.difference == pytest.approx(-ap.difference)
    assert opposite.interval == pytest.approx((-ap.interval[1], -ap.interval[0]))
    assert opposite.p_value == ap.p_value
    assert changed_images(back, 99)[1] == changed_images(there, 99)[0]
    assert 'better is better' in comparison_summary(back)


def test_a_result_does_not_differ_from_itself(files, tmp_path):
    copy = tmp_path / 'copy.json'
    copy.write_bytes(files[0].read_bytes())
    found = compare_files(files[0], copy, files[2], **FEW)
    ap = found.metrics[0]
    assert (ap.difference, ap.interval, ap.share_better, ap.p_value) == (0, (0, 0), 0.5, 1)
    assert changed_images(found, 5) == ([], [])
    assert 'The two do not differ.' in comparison_summary(found)


def test_equally_good_results_are_not_told_apart(files, tmp_path):
    other = write_poses(tmp_path / 'other.json', files[2], 0.08, seed=9)
    found = compare_files(files[0], other, files[2], num_resamples=200)
    low, high = found.metrics[0].interval
    assert low < 0 < high
    assert found.metrics[0].p_value > 0.05
    assert 'might be another one' in comparison_summary(found)


def test_the_changed_image_is_found(files, tmp_path):
    """One image whose people are all wrong is the one that got worse most."""
    poses = json.loads(files[1].read_text())
    victim = poses[0]['image_id']
    for pose in poses:
        if pose['image_id'] == victim:
            pose['keypoints'] = [x + 900 * (i % 3 == 0) for i, x in enumerate(pose['keypoints'])]
    broken = tmp_path / 'broken.json'
    broken.write_text(json.dumps(poses))
    found = compare_files(files[1], broken, files[2], **FEW)
    better, worse = changed_images(found, 3)
    assert better == []
    assert [found.image_ids[row] for row in worse] == [victim]


def test_the_command_writes_page_and_figures(files, people, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out'
    words = [*files[:2], '--ann', files[2], '--images', people / IMAGES, '--out', out]
    words = ['compare_runs.py', *words, '--num-images', 2, '--resamples', 50]
    monkeypatch.setattr(sys, 'argv', [str(word) for word in words])
    runpy.run_path(str(ROOT / 'tools/analysis/compare_runs.py'), run_name='__main__')
    text = capsys.readouterr().out
    content = json.loads((out / 'comparison.json').read_text())
    page = html.unescape((out / 'comparison.html').read_text())
    assert text.splitlines()[0] in page
    assert 'class="summary good"' in page
    assert content['figures']['AP']['interval'][0] > 0
    assert len(content['better']) == 2
    assert content['joint_ap']['nose'][1] > content['joint_ap']['nose'][0]
    pictures = re.findall(r'base64,([^"]+)"', page)
    assert len(pictures) == 2 + len(content['worse'])
    image = cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0]), np.uint8), 1)
    assert image.shape[1] > 2 * image.shape[0]  # truth and both results beside each other
    thirds = np.array_split(image[60:], 3, axis=1)
    assert np.abs(thirds[1][:, :300].astype(int) - thirds[2][:, :300]).max() > 60
    assert 'http' not in page


def test_without_a_folder_nothing_is_written(files, monkeypatch, tmp_path):
    before = sorted(tmp_path.rglob('*'))
    text = report_comparison(*files, **FEW)
    assert '--out DIR writes a page' in text
    assert sorted(tmp_path.rglob('*')) == before


def test_images_of_one_result_only_are_counted(files):
    keep_images(files[1], files[2], slice(0, 12))
    found = compare_files(*files, **FEW)
    assert found.notes[0].startswith('12 images have poses in the first result only and 0 in')


def bad_disjoint(files):
    keep_images(files[0], files[2], slice(0, 12))
    keep_images(files[1], files[2], slice(12, None))
    return {}


def bad_unknown(files):
    poses = json.loads(files[1].read_text())
    files[1].write_text(json.dumps([{**pose, 'image_id': 7} for pose in poses]))
    return {}


def bad_empty(files):
    files[1].write_text('[]')
    return {}


def bad_skeleton(files):
    return dict(dataset='aic')


BAD = {
    'different images': (bad_disjoint, 'are of different images: none of 12 and 12 is in both'),
    'unknown images': (bad_unknown, 'image_id 7 of entry 0 is not among the images of'),
    'empty': (bad_empty, r'better.result_keypoints.json holds no poses'),
    'skeleton': (bad_skeleton, 'read with the skeleton'),
    'no AP': (lambda files: dict(dataset='mpii'), "'mpii' is not evaluated by the AP over OKS"),
    'resamples': (lambda files: dict(num_resamples=1), '--resamples is 1; expected 2 or more'),
    'pictures for nothing': (lambda files: dict(image_folder='x'), '--out names no folder'),
}


@pytest.mark.parametrize(('spoil', 'sentence'), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused(files, spoil, sentence):
    options = spoil(files)
    with pytest.raises(ValueError, match=sentence) as caught:
        report_comparison(*files, **{**FEW, **options})
    assert '\n' not in str(caught.value)
