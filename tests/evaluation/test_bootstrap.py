"""Figures of resamples equal those of files in which images really occur several times."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    KeypointDetections,
    evaluate_coco,
    evaluate_files,
    match_poses,
)
from mmpose.evaluation.functional.bootstrap import draw_images, resample_metrics
from mmpose.evaluation.functional.coco_ap import STATISTICS
from mmpose.metainfo import load_metainfo

SIGMAS = load_metainfo('coco').sigmas


def make_data(num_categories=1, num_images=40):
    """Synthetic data with scores that all differ: copies of an image tie otherwise."""
    gt, dt = make_synthetic_coco(num_images, 120, 500, seed=3, num_categories=num_categories)
    return gt, replace(dt, scores=dt.scores + np.arange(len(dt.scores)) * 1e-6)


def repeat(gt, dt, counts):
    """The same with every image ``counts`` times, under ids of its own."""
    images = np.unique(gt.image_ids)
    gts, dts, ids = [], [], []  # the parts with what their ids gain
    for copy in range(counts.max()):
        kept = images[counts > copy]
        offset = 1_000_000 * copy
        gts.append((gt.take(np.flatnonzero(np.isin(gt.image_id, kept))), offset))
        dts.append((dt.take(np.flatnonzero(np.isin(dt.image_id, kept))), offset))
        ids.append(kept + offset)

    def stack(parts, name):
        shift = {'image_id': 1, 'ann_id': 1}.get(name, 0)
        return np.concatenate([getattr(part, name) + shift * offset for part, offset in parts])

    names = ['ann_id', 'image_id', 'category_id', 'keypoints', 'area', 'bbox_xywh', 'num_labelled']
    flags = {
        name: np.concatenate([getattr(part, name) for part, _ in gts])
        for name in ('keypoints_visible', 'iscrowd')
    }
    all_gt = replace(
        gt, image_ids=np.concatenate(ids), **{name: stack(gts, name) for name in names}, **flags
    )
    fields = ['image_id', 'category_id', 'keypoints', 'keypoint_scores', 'scores']
    return all_gt, KeypointDetections(**{name: stack(dts, name) for name in fields})


@pytest.mark.parametrize('num_categories', [1, 3])
def test_each_image_once_is_the_evaluation(num_categories):
    gt, dt = make_data(num_categories)
    matched = match_poses(gt, dt, SIGMAS)
    once = np.ones((1, len(gt.image_ids)), np.int64)
    figures = resample_metrics(matched, once, STATISTICS)
    expected = evaluate_coco(gt, dt, SIGMAS).summary()
    assert {name: value[0] for name, value in figures.items()} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(('num_categories', 'backend'), [(1, 'xtcocotools'), (3, 'numpy')])
def test_resamples_equal_files_with_repeated_images(tmp_path, num_categories, backend):
    if backend != 'numpy':
        pytest.importorskip(backend)
    gt, dt = make_data(num_categories)
    matched = match_poses(gt, dt, SIGMAS)
    counts = draw_images(len(gt.image_ids), 40)  # two chunks
    figures = resample_metrics(matched, counts, STATISTICS)
    for row in (0, 17, 35):
        files = write_synthetic_coco(*repeat(gt, dt, counts[row]), tmp_path / str(row))
        expected = evaluate_files(*files, SIGMAS, backend=backend)
        ours = {name: value[row] for name, value in figures.items()}
        # equal up to the order in which numbers are added
        assert ours == pytest.approx(expected, abs=1e-9)


def test_recall_points_that_are_met_exactly_count():
    """With 50 of 100 people found the 51 points up to 0.5 have precision 1."""
    gt, _ = make_synthetic_coco(100, 100, 1, seed=0)
    gt = replace(
        gt,
        image_id=gt.image_ids,
        keypoints_visible=np.ones_like(gt.keypoints_visible),
        iscrowd=np.zeros(100, bool),
        num_labelled=np.full(100, 17),
    )
    half = KeypointDetections(
        gt.image_id[:50],
        gt.category_id[:50],
        gt.keypoints[:50],
        np.ones((50, 17)),
        np.linspace(1, 0.5, 50),
    )
    matched = match_poses(gt, half, SIGMAS)
    counts = np.array([[1] * 100, [3] * 100])
    assert resample_metrics(matched, counts)['AP'] == pytest.approx([51 / 101, 51 / 101])


def test_draws_are_resamples():
    counts = draw_images(30, 200, seed=1)
    assert (counts.sum(axis=1) == 30).all()
    assert (counts != draw_images(30, 200, seed=2)).any()
    assert np.array_equal(counts, draw_images(30, 200, seed=1))
    # of 200 * 30 draws each image gets 200 on average, with a standard deviation of 14
    assert np.abs(counts.sum(axis=0) - 200).max() < 70


def test_a_resample_without_annotations_has_no_figure():
    gt, dt = make_data()
    counts = np.zeros((1, len(gt.image_ids)), np.int64)
    counts[0, ~np.isin(np.unique(gt.image_ids), gt.image_id)] = 1
    assert counts.sum() > 0
    figures = resample_metrics(match_poses(gt, dt, SIGMAS), counts)
    assert np.isnan(figures['AP']).all()


def test_interval_covers_the_spread_of_new_samples():
    """The spread over resamples of a sample is that over samples; of 12 it is known to a half."""
    spreads, figures = [], []
    for seed in range(12):
        gt, dt = make_synthetic_coco(150, 400, 800, seed=seed)
        matched = match_poses(gt, dt, SIGMAS)
        values = resample_metrics(matched, draw_images(150, 64, seed))['AP']
        spreads.append(values.std())
        figures.append(matched.scores().summary()['AP'])
    assert np.mean(spreads) == pytest.approx(np.std(figures, ddof=1), rel=0.5)
