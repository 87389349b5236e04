"""PCKh of MPII against a loop written from its definition."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import run_metric
from instance_cases import estimates

from mmpose.evaluation.functional import (
    evaluate_mpii,
    evaluate_results,
    load_mpii_annotations,
    mpii_ground_truth,
)
from mmpose.metainfo import load_metainfo

META = load_metainfo('mpii')
# joints of the figures by their names in the skeleton
GROUPS = {
    'Head': ('head_top',),
    **{
        name: (f'left_{name.lower()}', f'right_{name.lower()}')
        for name in ('Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle')
    },
}
OFFICIAL = {'rank': 'right_ankle', 'rkne': 'right_knee', 'rhip': 'right_hip', 'lhip': 'left_hip'}
OFFICIAL |= {'lkne': 'left_knee', 'lank': 'left_ankle', 'pelv': 'pelvis', 'thor': 'thorax'}
OFFICIAL |= {'neck': 'upper_neck', 'head': 'head_top', 'rwri': 'right_wrist'}
OFFICIAL |= {'relb': 'right_elbow', 'rsho': 'right_shoulder', 'lsho': 'left_shoulder'}
OFFICIAL |= {'lelb': 'left_elbow', 'lwri': 'left_wrist'}


def _write(folder, num=30, seed=0, head_boxes=True):
    """An annotation file as the official ones are; coordinates count from 1."""
    rng = np.random.default_rng(seed)
    entries = []
    for i in range(num):
        corner = rng.uniform(100, 200, 2)
        size = rng.uniform(20, 60, 2)
        joints = rng.uniform(50, 500, (16, 2))
        keypoints_visible = (rng.random(16) < 0.8).astype(int)
        joints[keypoints_visible == 0] = -1
        entry = {
            'image': f'{i // 2:09d}.jpg',
            'center': rng.uniform(200, 300, 2).tolist(),
            'scale': float(rng.uniform(1, 3)),
            'joints': joints.tolist(),
            'joints_vis': keypoints_visible.tolist(),
        }
        if head_boxes:
            entry['head_box'] = [*corner.tolist(), *(corner + size).tolist()]
        entries.append(entry)
    path = folder / 'mpii_val.json'
    path.write_text(json.dumps(entries))
    return path


def _write_mat(folder, ann_file, change_names=lambda names: names, rows=None):
    """The official file that belongs to an annotation file."""
    scipy_io = pytest.importorskip('scipy.io', reason='scipy is not installed')
    entries = json.loads(ann_file.read_text())[:rows]
    names = list(OFFICIAL)
    assert tuple(OFFICIAL.values()) == META.keypoint_names
    joints = np.array([entry['joints'] for entry in entries])
    keypoints_visible = np.array([entry['joints_vis'] for entry in entries])
    boxes = np.array([entry.get('head_box', [0, 0, 30, 40]) for entry in entries])
    cells = np.empty((1, 16), dtype=object)
    cells[0] = change_names(names)
    content = {
        'dataset_joints': cells,
        'jnt_missing': (1 - keypoints_visible).T,
        'pos_gt_src': joints.transpose(1, 2, 0),
        'headboxes_src': boxes.reshape(-1, 2, 2).transpose(1, 2, 0),
    }
    path = folder / 'mpii_gt_val.mat'
    scipy_io.savemat(path, content)
    return path


def _expected(ann_file, poses, thr=0.5):
    """All figures from the file and the definition; poses count from 0, the file from 1."""
    entries = json.loads(ann_file.read_text())
    hits = {name: [] for name in META.keypoint_names}
    close = []
    for pose in poses:
        entry = entries[pose.ann_id]
        x1, y1, x2, y2 = entry.get('head_box', [0, 0, 30, 40])
        head = 0.6 * math.dist((x1, y1), (x2, y2))
        for k, name in enumerate(META.keypoint_names):
            if entry['joints_vis'][k]:
                error = math.dist(pose.keypoints[k] + 1.0, entry['joints'][k]) / head
                hits[name].append(error <= thr)
                if name not in ('pelvis', 'thorax'):
                    close.append(error <= 0.1)
    figures = {
        f'{group} PCK': 100 * np.mean([np.mean(hits[joint]) for joint in joints])
        for group, joints in GROUPS.items()
    }
    counted = [hit for name in hits if name not in ('pelvis', 'thorax') for hit in hits[name]]
    return {**figures, 'PCK': 100 * np.mean(counted), 'PCK@0.1': 100 * np.mean(close)}


def _meta(ann_file):
    gt = load_mpii_annotations(ann_file)
    return {'ann_file': str(ann_file), 'dataset_meta': META, 'ground_truth': lambda: gt}


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('source', ['json', 'mat', 'mat beside'])
def test_equals_a_loop(tmp_path, seed, source):
    ann_file = _write(tmp_path, seed=seed)
    config = {'type': 'MpiiPCKAccuracy'}
    if source != 'json':
        folder = tmp_path if source == 'mat beside' else tmp_path / 'elsewhere'
        folder.mkdir(exist_ok=True)
        mat = _write_mat(folder, ann_file)
        config['gt_mat'] = None if source == 'mat beside' else str(mat)
    poses = estimates(load_mpii_annotations(ann_file), noise=10.0, seed=seed)
    assert [pose.ann_id for pose in poses] != sorted(pose.ann_id for pose in poses)
    figures = run_metric(config, _meta(ann_file), poses)
    expected = _expected(ann_file, poses)
    assert figures == pytest.approx(expected, abs=1e-6)
    assert list(figures) == list(expected)
    assert 0 < figures['PCK@0.1'] < figures['PCK'] < 100


def test_ground_truth_is_perfect_and_the_threshold_is_inside(tmp_path):
    gt = load_mpii_annotations(_write(tmp_path))
    assert set(evaluate_mpii(gt.keypoints, gt).values()) == {100.0}
    gt = replace(gt, extras={'head_size': np.full(30, 8.0)}, keypoints=np.round(gt.keypoints))
    at_the_border = gt.keypoints + np.array([4.0, 0.0])
    figures = evaluate_mpii(at_the_border, gt)
    assert figures.pop('PCK@0.1') == 0
    assert set(figures.values()) == {100.0}
    assert evaluate_mpii(at_the_border + np.array([1e-6, 0.0]), gt)['PCK'] == 0


def test_pelvis_and_thorax_count_nowhere(tmp_path):
    gt = load_mpii_annotations(_write(tmp_path))
    keypoints = gt.keypoints.copy()
    for name in ('pelvis', 'thorax'):
        keypoints[:, META.keypoint_names.index(name)] += 1e4
    assert set(evaluate_mpii(keypoints, gt).values()) == {100.0}
    keypoints[:, META.keypoint_names.index('upper_neck')] += 1e4
    figures = evaluate_mpii(keypoints, gt)
    assert figures['Head PCK'] == 100
    assert figures['PCK'] < 100


def test_written_files(tmp_path):
    """Both files hold the poses of the run: the result file from pixel 0, pred.mat from 1."""
    ann_file = _write(tmp_path, head_boxes=False)
    mat = _write_mat(tmp_path, ann_file)
    poses = estimates(load_mpii_annotations(ann_file), noise=8.0)
    out = tmp_path / 'out'
    config = {'type': 'MpiiPCKAccuracy', 'outfile_prefix': str(out / 'result')}
    figures = run_metric(config, _meta(ann_file), poses)
    for mat_file in (None, mat):
        again = evaluate_results('mpii', out / 'result_keypoints.json', ann_file, mat_file=mat_file)
        assert figures == again
    loadmat = pytest.importorskip('scipy.io', reason='scipy is not installed').loadmat
    preds = loadmat(out / 'pred.mat')['preds']
    for pose in poses:
        np.testing.assert_allclose(preds[pose.ann_id], pose.keypoints + 1.0, atol=1e-4)


def test_other_files(tmp_path):
    ann_file = _write(tmp_path, head_boxes=False)
    poses = estimates(load_mpii_annotations(ann_file), noise=1.0)
    with pytest.raises(ValueError, match=r"no 'head_box' and there is no mpii_gt_val.mat beside"):
        run_metric({'type': 'MpiiPCKAccuracy'}, _meta(ann_file), poses)
    mat = _write_mat(tmp_path, ann_file, rows=29)
    for config in ({}, {'gt_mat': str(mat)}):
        with pytest.raises(ValueError, match=r'gt_val.mat has 29 persons but .* has 30 rows; use'):
            run_metric({'type': 'MpiiPCKAccuracy', **config}, _meta(ann_file), poses)
    for change in (lambda names: ['tail', *names[1:]], lambda names: names[::-1]):
        _write_mat(tmp_path, ann_file, change_names=change)
        with pytest.raises(ValueError, match=r"dataset_joints are \['(tail', 'rkne|lwri', 'lelb)"):
            run_metric({'type': 'MpiiPCKAccuracy', 'gt_mat': str(mat)}, _meta(ann_file), poses)
    (tmp_path / 'damaged.mat').write_bytes(mat.read_bytes()[:200])
    with pytest.raises(ValueError, match=r'damaged.mat is not a readable MATLAB file'):
        mpii_ground_truth(load_mpii_annotations(ann_file), tmp_path / 'damaged.mat', ann_file)
    with pytest.raises(FileNotFoundError, match=r'nowhere.mat: no such file; expected mpii_gt_val'):
        mpii_ground_truth(load_mpii_annotations(ann_file), tmp_path / 'nowhere.mat', ann_file)


def test_a_mat_file_of_another_split_is_no_reason_to_fail_if_there_are_head_boxes(tmp_path):
    ann_file = _write(tmp_path)
    _write_mat(tmp_path, ann_file, rows=12)
    poses = estimates(load_mpii_annotations(ann_file), noise=8.0)
    figures = run_metric({'type': 'MpiiPCKAccuracy'}, _meta(ann_file), poses)
    assert figures['PCK'] == pytest.approx(_expected(ann_file, poses)['PCK'], abs=1e-6)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda entries: {}, 'not an MPII annotation file; expected a list of persons'),
        (
            lambda entries: [{**entries[0], 'joints': [[1, 2]]}],
            "entry 0: field 'joints' is a list of 1, expected 16 lists of 2",
        ),
        (lambda entries: [{'image': 'a.jpg'}], "entry 0: field 'joints' is missing"),
        (
            lambda e: [e[0], {**e[1], 'joints_vis': [1]}],
            "entry 1: field 'joints_vis' has 1 numbers, expected a list of 16",
        ),
    ],
)
def test_malformed_annotations(tmp_path, change, message):
    path = _write(tmp_path, num=2)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=message):
        load_mpii_annotations(path)
