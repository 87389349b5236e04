"""HumanArt from one run against one evaluation per scenario."""

import json

import numpy as np
import pytest
from evaluation_cases import SIGMAS, detections, poses_of, run_metric, run_xtcocotools

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.evaluation.functional import (
    evaluate_humanart,
    evaluate_results,
    load_detections,
    load_ground_truth,
)
from mmpose.metainfo import load_metainfo

SCENARIOS = ('2D_virtual_human/cartoon', '2D_virtual_human/mural', 'real_human/dance')
EMPTY = '3D_virtual_human/relief'  # an image without people


@pytest.fixture
def files(tmp_path):
    gt, dt = make_synthetic_coco(30, 90, 300, seed=1)
    files = write_synthetic_coco(gt, dt, tmp_path)
    content = json.loads(files[0].read_text())
    rng = np.random.default_rng(0)
    for image in content['images']:
        image['file_name'] = f'HumanArt/images/{rng.choice(SCENARIOS)}/{image["id"]:012d}.jpg'
    empty = {'id': 9999, 'file_name': f'HumanArt/images/{EMPTY}/1.jpg', 'width': 9, 'height': 9}
    content['images'].append(empty)
    files[0].write_text(json.dumps(content))
    return files


def _alone(files, folder, name):
    """AP by xtcocotools of files with the images of one folder alone."""
    content, results = (json.loads(path.read_text()) for path in files)
    chosen = {i['id'] for i in content['images'] if f'/{name}/' in i['file_name']}
    part = {
        'images': [i for i in content['images'] if i['id'] in chosen],
        'annotations': [a for a in content['annotations'] if a['image_id'] in chosen],
        'categories': content['categories'],
    }
    (folder / 'part.json').write_text(json.dumps(part))
    poses = [record for record in results if record['image_id'] in chosen]
    return run_xtcocotools(folder / 'part.json', poses, 'keypoints', SIGMAS, True).stats[0]


def test_equals_one_evaluation_per_scenario(files, tmp_path):
    figures = evaluate_results('humanart', files[1], files[0])
    names = list(figures)
    assert names[:3] == ['AP', 'AP .5', 'AP .75']
    groups = ['2D_virtual_human', '3D_virtual_human', 'real_human']
    scenarios = ['cartoon', 'dance', 'mural', 'relief']
    assert names[10:] == [f'{folder} AP' for folder in [*groups, *scenarios]]
    overall = run_xtcocotools(*files, 'keypoints', SIGMAS, True).stats
    np.testing.assert_allclose([figures[name] for name in names[:10]], overall, atol=1e-6)
    for folder in ('cartoon', 'mural', 'dance', '2D_virtual_human', 'real_human'):
        alone = _alone(files, tmp_path, folder)
        assert figures[f'{folder} AP'] == pytest.approx(alone, abs=1e-6)
    assert figures['real_human AP'] == figures['dance AP'] != figures['cartoon AP']
    assert figures['relief AP'] == figures['3D_virtual_human AP'] == -1


def test_ground_truth_is_perfect(files):
    gt = load_ground_truth(files[0], 17, image_extras=('file_name',))
    counted = gt.take(np.flatnonzero((gt.num_labelled > 0) & ~gt.iscrowd))
    dt = detections(counted.image_id, counted.keypoints, np.ones(len(counted.ann_id)))
    figures = evaluate_humanart(gt, dt, SIGMAS)
    assert figures['AP'] == figures['cartoon AP'] == figures['2D_virtual_human AP'] == 1


def test_the_metric_writes_what_the_tool_reads(files, tmp_path):
    meta = {'ann_file': str(files[0]), 'dataset_meta': load_metainfo('coco')}
    poses = poses_of(load_detections(files[1], 17))
    config = {'type': 'HumanArtMetric', 'outfile_prefix': str(tmp_path / 'out/result')}
    figures = run_metric(config, meta, poses)
    again = evaluate_results('humanart', tmp_path / 'out' / 'result_keypoints.json', files[0])
    assert figures == {f'humanart/{name}': value for name, value in again.items()}


def test_a_file_name_without_folders(files):
    content = json.loads(files[0].read_text())
    content['images'][0]['file_name'] = '000000000001.jpg'
    files[0].write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"file_name '000000000001.jpg' names no scenario.*<group>"
    ):
        evaluate_results('humanart', files[1], files[0])
