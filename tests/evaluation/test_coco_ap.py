"""The evaluator against figures worked out by hand and against the two known evaluators."""

import contextlib
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import POSE, SIGMAS, detections, ground_truth, shifted

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    evaluate_coco,
    evaluate_files,
    evaluate_with_backend,
    load_detections,
    load_ground_truth,
    write_detections,
)

NAMES = ['AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)']
FAR = 500.0
# images and offsets of annotations; images, offsets, scores of detections; AP, AR
HAND_MADE = [
    ([1], [0], [1], [0], [0.9], 1.0, 1.0),
    # a better false positive halves the precision
    ([1], [0], [1, 1], [0, FAR], [0.5, 0.9], 0.5, 1.0),
    ([1], [0], [1, 2], [0, FAR], [0.5, 0.9], 0.5, 1.0),
    # a worse one does not matter
    ([1], [0], [1, 1], [0, FAR], [0.9, 0.5], 1.0, 1.0),
    # recall 1/2 covers the recall points 0, .01, ..., .50: 51 of 101
    ([1, 2], [0, 0], [1], [0], [0.9], 51 / 101, 0.5),
    # a second detection of the same person is a false positive
    ([1, 2], [0, 0], [1, 1, 2], [0, 0, 0], [0.9, 0.8, 0.7], (51 + 50 * 2 / 3) / 101, 1.0),
    # no detection at all
    ([1], [0], [], [], [], 0.0, 0.0),
]


@pytest.mark.parametrize(
    ('gt_images', 'gt_at', 'dt_images', 'dt_at', 'scores', 'ap', 'ar'), HAND_MADE
)
def test_figures_worked_out_by_hand(gt_images, gt_at, dt_images, dt_at, scores, ap, ar):
    gt = ground_truth(gt_images, shifted(*gt_at))
    dt = detections(dt_images, shifted(*dt_at), scores)
    figures = evaluate_coco(gt, dt, SIGMAS).summary()
    assert list(figures) == NAMES
    for name in ('AP', 'AP .5', 'AP .75', 'AP (M)'):
        assert figures[name] == pytest.approx(ap, abs=1e-12)
    for name in ('AR', 'AR .5', 'AR .75', 'AR (M)'):
        assert figures[name] == pytest.approx(ar, abs=1e-12)
    assert figures['AP (L)'] == figures['AR (L)'] == -1


@pytest.mark.parametrize(
    ('changes', 'ap'),
    [
        # true at ranks 1 and 3 of 3
        ({}, (51 + 50 * 2 / 3) / 101),
        # an ignored annotation takes one detection out of the count, the other stays a false one
        ({'num_labelled': np.array([17, 0])}, 1 / 2),
        ({'area': np.array([6400.0, 1e11])}, 1 / 2),
        # a crowd takes both
        ({'iscrowd': np.array([False, True])}, 1.0),
    ],
)
def test_ignored_annotations(changes, ap):
    """Two detections lie on the second annotation and outrank the one of the first."""
    gt = ground_truth([1, 1], shifted(0, FAR), **changes)
    dt = detections([1, 1, 1], shifted(0, FAR, FAR), [0.5, 0.9, 0.8])
    assert evaluate_coco(gt, dt, SIGMAS).summary()['AP'] == pytest.approx(ap, abs=1e-12)


def test_ground_truth_as_prediction_is_perfect():
    gt, _ = make_synthetic_coco(20, 60, 0, seed=3, num_categories=2)
    counted = gt.take(np.flatnonzero((gt.num_labelled > 0) & ~gt.iscrowd))
    dt = detections(
        counted.image_id.tolist(),
        counted.keypoints,
        np.linspace(0.1, 1, len(counted.ann_id)).tolist(),
        category_id=counted.category_id,
    )
    figures = evaluate_coco(gt, dt, SIGMAS).summary()
    assert [figures[name] for name in ('AP', 'AR', 'AP .5', 'AR .75')] == [1.0] * 4


def test_no_annotation_gives_minus_one():
    gt = ground_truth([], np.zeros((0, 17, 2)))
    figures = evaluate_coco(gt, detections([1], shifted(0), [0.9]), SIGMAS).summary()
    assert set(figures.values()) == {-1.0}


def test_one_category_alone_equals_its_row():
    gt, dt = make_synthetic_coco(30, 80, 300, seed=5, num_categories=3)
    scores = evaluate_coco(gt, dt, SIGMAS)
    alone = [
        evaluate_coco(
            gt.take(np.flatnonzero(gt.category_id == i)),
            dt.take(np.flatnonzero(dt.category_id == i)),
            SIGMAS,
        ).summary()['AP']
        for i in (1, 2, 3)
    ]
    assert [scores.summary(i)['AP'] for i in (1, 2, 3)] == alone
    assert scores.summary()['AP'] == pytest.approx(np.mean(alone), abs=1e-12)


def _names(ids):
    return np.array([f'{i:06d}' for i in ids])


def test_string_ids_of_images():
    gt, dt = make_synthetic_coco(20, 60, 200, seed=6)
    gt_named = replace(gt, image_id=_names(gt.image_id), image_ids=_names(gt.image_ids))
    dt_named = replace(dt, image_id=_names(dt.image_id))
    assert evaluate_coco(gt_named, dt_named, SIGMAS).summary() == pytest.approx(
        evaluate_coco(gt, dt, SIGMAS).summary()
    )


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'image_id': np.array([9])}, r'image_id 9 of entry 0 is not among the images of .*3 ids'),
        ({'image_id': np.array(['1'])}, r"image_id '1' is of another type .* both as numbers"),
        ({'category_id': np.array([7])}, 'category_id 7 of entry 0 is not among the categories'),
        (
            {'keypoints': np.zeros((1, 5, 2)), 'keypoint_scores': np.ones((1, 5))},
            'poses have 5 keypoints but ground truth has 17',
        ),
    ],
)
def test_detections_that_do_not_fit(changes, message):
    dt = replace(detections([1], shifted(0), [0.9]), **changes)
    with pytest.raises(ValueError, match=message):
        evaluate_coco(ground_truth([1], shifted(0)), dt, SIGMAS)


def test_other_bad_arrays():
    gt = ground_truth([1], shifted(0), area=np.array([np.nan]))
    dt = detections([1], shifted(0), [0.9])
    with pytest.raises(ValueError, match=r"annotation 100 has no finite 'area'.*use_area=False"):
        evaluate_coco(gt, dt, SIGMAS)
    assert evaluate_coco(gt, dt, SIGMAS, use_area=False).summary()['AP'] == 1
    with pytest.raises(ValueError, match='17 keypoints but 14 sigmas'):
        evaluate_coco(gt, dt, SIGMAS[:14])
    with pytest.raises(ValueError, match=r'scores has shape \(2,\); expected \(1,\)'):
        detections([1], shifted(0), [0.9, 0.8])
    with pytest.raises(ValueError, match=r'keypoints of entry 1 \(image_id 3\) holds NaN'):
        detections([2, 3], np.stack([POSE, POSE * np.nan]), [0.9, 0.8])


# images, annotations, detections, categories, seed
SETS = [
    (30, 60, 400, 1, 0),
    (4, 30, 400, 1, 1),  # more than 20 detections per image
    (60, 40, 60, 1, 2),  # images without either
    (12, 80, 500, 3, 3),
    (25, 6, 200, 4, 4),  # categories and ranges without annotations
    (10, 100, 1000, 2, 5),
]
EXTERNAL = [
    ('xtcocotools', True),
    ('xtcocotools', False),
    ('faster_coco_eval', True),
    ('hotcoco', True),
]


def _assert_equal_to(backend, use_area, annotation_file, result_file, is_plain=True):
    pytest.importorskip(backend, reason=f'{backend} is not installed')
    ours = evaluate_files(annotation_file, result_file, SIGMAS, use_area)
    if backend == 'hotcoco' and not is_plain:  # from the files it takes less
        with contextlib.suppress(ValueError):
            theirs = evaluate_files(annotation_file, result_file, SIGMAS, use_area, backend)
            assert ours == pytest.approx(theirs, abs=1e-6)
        content = load_ground_truth(annotation_file, 17), load_detections(result_file, 17)
        theirs = evaluate_with_backend(*content, SIGMAS, use_area, backend)
    else:
        theirs = evaluate_files(annotation_file, result_file, SIGMAS, use_area, backend)
    # the same arithmetic in float64: rounding only
    assert ours == pytest.approx(theirs, abs=1e-6)
    return ours


@pytest.mark.parametrize(('backend', 'use_area'), EXTERNAL)
@pytest.mark.parametrize(('images', 'num_gt', 'num_dt', 'categories', 'seed'), SETS)
def test_equals_other_evaluators(
    tmp_path, images, num_gt, num_dt, categories, seed, backend, use_area
):
    gt, dt = make_synthetic_coco(images, num_gt, num_dt, seed, categories)
    assert len(np.unique(dt.scores)) < num_dt or num_dt < 100, 'equal scores are part of the test'
    files = write_synthetic_coco(gt, dt, tmp_path)
    figures = _assert_equal_to(backend, use_area, *files)
    assert 0 < figures['AP'] < 1


@pytest.mark.parametrize(('backend', 'use_area'), EXTERNAL)
def test_equal_similarities_and_scores_are_settled_alike(tmp_path, backend, use_area):
    """Each annotation twice (once as a crowd), each detection three times, few distinct scores."""
    gt, dt = make_synthetic_coco(8, 20, 60, seed=7)
    num = len(gt.ann_id)
    gt = gt.take(np.tile(np.arange(num), 2))
    gt = replace(gt, ann_id=np.arange(2 * num) + 1, iscrowd=np.arange(2 * num) % 3 == 0)
    dt = dt.take(np.tile(np.arange(len(dt.scores)), 3))
    dt = replace(dt, scores=np.round(dt.scores, 1))
    _assert_equal_to(backend, use_area, *write_synthetic_coco(gt, dt, tmp_path))


@pytest.mark.parametrize(('backend', 'use_area'), EXTERNAL)
def test_equals_other_evaluators_on_coco_images(tmp_path, backend, use_area):
    root = os.environ.get('MMPOSE_TEST_DATA')
    if not root:
        pytest.skip('set MMPOSE_TEST_DATA to a folder with samples/coco/test_coco.json')
    annotation_file = Path(root) / 'samples' / 'coco' / 'test_coco.json'
    gt = load_ground_truth(annotation_file, 17)
    rng = np.random.default_rng(0)
    rows = np.repeat(np.flatnonzero(gt.num_labelled > 0), 6)
    reach = rng.exponential(0.06, len(rows)) * np.sqrt(gt.area[rows])
    noise = rng.normal(0, 1, (len(rows), 17, 2)) * reach[:, None, None]
    dt = detections(
        gt.image_id[rows].tolist(),
        gt.keypoints[rows] + noise,
        np.round(rng.random(len(rows)), 2).tolist(),
    )
    write_detections(tmp_path / 'results.json', dt)
    figures = _assert_equal_to(backend, use_area, annotation_file, tmp_path / 'results.json')
    assert 0 < figures['AP'] < 1


@pytest.mark.parametrize(('backend', 'use_area'), EXTERNAL)
@pytest.mark.parametrize('missing', ['area', 'iscrowd', 'num_keypoints', 'categories'])
@pytest.mark.filterwarnings('ignore:.*no .area.')
def test_equals_other_evaluators_on_sparse_files(tmp_path, missing, backend, use_area):
    files = write_synthetic_coco(*make_synthetic_coco(12, 30, 60, seed=3), tmp_path)
    data = json.loads(Path(files[0]).read_text())
    data.pop(missing, None)
    for row, annotation in enumerate(data['annotations']):
        if row % 2:
            annotation.pop(missing, None)
        elif missing in annotation:
            annotation[missing] = None
    Path(files[0]).write_text(json.dumps(data))
    assert 0 < _assert_equal_to(backend, use_area, *files, is_plain=False)['AP'] < 1


@pytest.mark.parametrize(('backend', 'use_area'), EXTERNAL)
def test_equals_other_evaluators_where_ids_recur_in_other_images(tmp_path, backend, use_area):
    files = write_synthetic_coco(*make_synthetic_coco(12, 30, 60, seed=3), tmp_path)
    figures = _assert_equal_to(backend, use_area, *files)
    data = json.loads(Path(files[0]).read_text())
    seen = Counter()
    for annotation in data['annotations']:
        annotation['id'] = seen[annotation['image_id']]
        seen[annotation['image_id']] += 1
    Path(files[0]).write_text(json.dumps(data))
    assert _assert_equal_to(backend, use_area, *files, is_plain=False) == figures


def test_equals_an_evaluator_that_reads_the_file_itself(tmp_path):
    coco = pytest.importorskip('xtcocotools.coco', reason='xtcocotools is not installed')
    cocoeval = pytest.importorskip('xtcocotools.cocoeval')
    files = write_synthetic_coco(*make_synthetic_coco(30, 60, 400, 0), tmp_path)
    truth = coco.COCO(str(files[0]))
    theirs = cocoeval.COCOeval(truth, truth.loadRes(str(files[1])), 'keypoints', SIGMAS)
    for step in (theirs.evaluate, theirs.accumulate, theirs.summarize):
        step()
    ours = list(evaluate_files(*files, SIGMAS).values())
    assert ours == pytest.approx(theirs.stats[:10].tolist(), abs=1e-6)


def test_refused_backends(tmp_path):
    files = write_synthetic_coco(*make_synthetic_coco(3, 4, 5, seed=0), tmp_path)
    with pytest.raises(ValueError, match="backend 'matlab' is unknown; use one of numpy, xtcoco"):
        evaluate_files(*files, SIGMAS, backend='matlab')
    data = json.loads(Path(files[0]).read_text())
    data['annotations'][0].update(num_keypoints=0, keypoints=[5, 5, 2] * 17, iscrowd=0)
    (tmp_path / 'odd.json').write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"another num_keypoints .* use 'numpy' or 'faster_coco_e"):
        evaluate_files(tmp_path / 'odd.json', files[1], SIGMAS, backend='xtcocotools')
    with pytest.raises(ValueError, match=r'\(M\) and \(L\) by the annotated area'):
        evaluate_files(*files, SIGMAS, use_area=False, backend='faster_coco_eval')
    data.pop('categories')
    (tmp_path / 'odd.json').write_text(json.dumps(data))
    pytest.importorskip('hotcoco')
    for name, problem in (('odd', "odd.json.*'categories' is missing"), ('none', 'not exist')):
        with pytest.raises((FileNotFoundError, ValueError), match=problem):
            evaluate_files(tmp_path / f'{name}.json', files[1], SIGMAS, backend='hotcoco')
    Path(files[1]).write_text(json.dumps([]))
    with pytest.raises(ValueError, match="no pose; backend 'xtcocotools' needs at least one"):
        evaluate_files(*files, SIGMAS, backend='xtcocotools')
    assert evaluate_files(*files, SIGMAS)['AR'] == 0
