"""CrowdPose against xtcocotools, faster-coco-eval and plain COCO on parts of the images."""

import contextlib
import io
import json

import numpy as np
import pytest
from evaluation_cases import detections, poses_of, run_metric, run_xtcocotools

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    evaluate_coco,
    evaluate_crowdpose,
    evaluate_results,
    load_detections,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo

META = load_metainfo('crowdpose')
NAMES = ['AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)']
INDICES = [0.0, 0.1, 0.2, 0.5, 0.8, 0.95]  # both borders are among them


def _files(folder, seed=0, indices=INDICES, counts=(30, 120, 300)):
    gt, dt = make_synthetic_coco(*counts, seed, num_keypoints=14)
    files = write_synthetic_coco(gt, dt, folder)
    content = json.loads(files[0].read_text())
    rng = np.random.default_rng(seed)
    for image in content['images']:
        image['crowdIndex'] = float(rng.choice(indices))
    for annotation in content['annotations']:
        del annotation['area']
    files[0].write_text(json.dumps(content))
    return files


def _figures(files):
    gt = load_ground_truth(files[0], 14, image_extras=('crowdIndex',))
    return evaluate_crowdpose(gt, load_detections(files[1], 14), META.sigmas)


def _assert_equals(figures, stats):
    assert list(figures) == NAMES
    values = np.array(list(figures.values()))
    np.testing.assert_allclose(values[:6], stats[:6], atol=1e-6)
    # the published tool rounds the levels
    np.testing.assert_allclose(np.round(values[6:], 4), stats[6:9], atol=1e-9)
    assert len(set(values[6:])) == 3


@pytest.mark.parametrize('seed', range(3))
def test_equals_xtcocotools(tmp_path, seed):
    files = _files(tmp_path, seed)
    evaluator = run_xtcocotools(*files, 'keypoints_crowd', META.sigmas, False)
    _assert_equals(_figures(files), evaluator.stats)


@pytest.mark.parametrize('seed', range(3))
def test_equals_faster_coco_eval(tmp_path, seed):
    module = pytest.importorskip('faster_coco_eval', reason='faster_coco_eval is not installed')
    files = _files(tmp_path, seed)
    with contextlib.redirect_stdout(io.StringIO()):
        gt = module.COCO(str(files[0]))
        evaluator = module.COCOeval_faster(
            gt,
            gt.loadRes(json.loads(files[1].read_text())),
            'keypoints_crowd',
            kpt_oks_sigmas=META.sigmas.astype(float).tolist(),
            use_area=False,
        )
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    _assert_equals(_figures(files), evaluator.stats)


def test_a_level_is_coco_ap_on_files_with_its_images_alone(tmp_path):
    """To 1e-12, where the published tools round to 1e-4."""
    files = _files(tmp_path)
    content, results = (json.loads(path.read_text()) for path in files)
    figures = _figures(files)
    for name, low, high in (('AP(E)', 0, 0.2), ('AP(M)', 0.2, 0.8), ('AP(H)', 0.8, 2)):
        chosen = {i['id'] for i in content['images'] if low <= i['crowdIndex'] < high}
        part = {
            'images': [i for i in content['images'] if i['id'] in chosen],
            'annotations': [a for a in content['annotations'] if a['image_id'] in chosen],
            'categories': content['categories'],
        }
        (tmp_path / 'part.json').write_text(json.dumps(part))
        poses = [r for r in results if r['image_id'] in chosen]
        (tmp_path / 'poses.json').write_text(json.dumps(poses))
        gt = load_ground_truth(tmp_path / 'part.json', 14)
        dt = load_detections(tmp_path / 'poses.json', 14)
        alone = evaluate_coco(gt, dt, META.sigmas, use_area=False).summary()
        assert figures[name] == pytest.approx(alone['AP'], abs=1e-12)


def test_ground_truth_is_perfect_and_a_level_without_images_is_minus_one(tmp_path):
    gt = load_ground_truth(_files(tmp_path, indices=[0.1, 0.5])[0], 14, (), ('crowdIndex',))
    counted = gt.take(np.flatnonzero((gt.num_labelled > 0) & ~gt.iscrowd))
    dt = detections(counted.image_id, counted.keypoints, np.ones(len(counted.ann_id)))
    assert evaluate_crowdpose(gt, dt, META.sigmas) == {**dict.fromkeys(NAMES, 1.0), 'AP(H)': -1}


def test_the_metric_writes_what_the_tool_reads(tmp_path):
    files = _files(tmp_path)
    poses = poses_of(load_detections(files[1], 14))
    meta = {'ann_file': str(files[0]), 'dataset_meta': META}
    out = tmp_path / 'out'
    figures = run_metric(
        {'type': 'CrowdPoseMetric', 'outfile_prefix': str(out / 'result')}, meta, poses
    )
    assert list(figures) == [f'crowdpose/{name}' for name in NAMES]
    assert 0 < figures['crowdpose/AP'] < 1
    again = evaluate_results('crowdpose', out / 'result_keypoints.json', files[0])
    assert figures == {f'crowdpose/{name}': value for name, value in again.items()}


def test_images_without_a_crowd_index(tmp_path):
    files = write_synthetic_coco(*make_synthetic_coco(3, 5, 5, 0, num_keypoints=14), tmp_path)
    with pytest.raises(ValueError, match=r"image 16: field 'crowdIndex' is missing"):
        evaluate_results('crowdpose', files[1], files[0])
    with pytest.raises(ValueError, match=r"the images have no 'crowdIndex', .*of CrowdPose"):
        evaluate_crowdpose(
            load_ground_truth(files[0], 14), load_detections(files[1], 14), META.sigmas
        )
    files = _files(tmp_path, indices=[float('nan')])
    with pytest.raises(ValueError, match="'crowdIndex' of an image is not a finite number"):
        _figures(files)
    with pytest.raises(ValueError, match=r"field 'keypoints' has 42 numbers, expected"):
        evaluate_results('coco', files[1], files[0])
