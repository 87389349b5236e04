import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from evaluation_cases import SIGMAS
from instance_cases import estimates, write_instances

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.analysis.error_report import report_errors
from mmpose.evaluation.functional import (
    EVAL_CONFIGS,
    evaluate_files,
    evaluate_results,
    find_eval_config,
    load_instances,
)
from mmpose.metainfo import load_metainfo
from mmpose.registry import METRICS
from tools import analyze_errors, evaluate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    gt, dt = make_synthetic_coco(20, 60, 200, seed=8)
    return write_synthetic_coco(gt, dt, tmp_path_factory.mktemp('synthetic'))


def _run(*arguments, code=0):
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'evaluate.py', *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
    )
    assert done.returncode == code, done.stderr
    return done


def test_prints_and_writes_the_figures(files, tmp_path):
    out = tmp_path / 'metrics.json'
    done = _run(files[1], '--dataset', 'coco', '--ann', files[0], '--out', out)
    expected = evaluate_files(*files, SIGMAS)
    assert json.loads(out.read_text()) == expected
    lines = done.stdout.splitlines()
    assert lines == [f'{name:<6}  {value:8.4f}' for name, value in expected.items()]


def test_area_of_the_box(files, tmp_path):
    out = tmp_path / 'metrics.json'
    _run(files[1], '--ann', files[0], '--no-area', '--out', out)
    figures = json.loads(out.read_text())
    assert figures == evaluate_files(*files, SIGMAS, use_area=False)
    assert figures != evaluate_files(*files, SIGMAS)


def test_the_protocol_of_the_data_set(files, tmp_path):
    """AIC takes 0.53 of the box without being told; OCHuman is COCO."""
    gt, dt = make_synthetic_coco(20, 60, 200, seed=8, num_keypoints=14)
    aic = write_synthetic_coco(gt, dt, tmp_path)
    out = tmp_path / 'metrics.json'
    _run(aic[1], '--dataset', 'aic', '--ann', aic[0], '--out', out)
    sigmas = load_metainfo('aic').sigmas
    assert json.loads(out.read_text()) == evaluate_files(*aic, sigmas, use_area=False)
    assert evaluate_results('ochuman', files[1], files[0]) == evaluate_files(*files, SIGMAS)


def test_names_of_mmpose():
    assert find_eval_config('300vw') == EVAL_CONFIGS['300w']
    assert find_eval_config('humanart') == EVAL_CONFIGS['humanart']


def test_every_config_has_a_skeleton_that_it_can_use():
    for name, eval_config in EVAL_CONFIGS.items():
        meta = load_metainfo(eval_config.skeleton)
        needs_sigmas = eval_config.kind not in ('mpii', 'keypoints', 'posetrack18')
        assert meta.sigmas is not None or not needs_sigmas, name
        assert bool(eval_config.metrics) == (eval_config.kind == 'keypoints'), name
        for metric in eval_config.metrics:
            joints = metric.norm if isinstance(metric.norm, tuple) else ()
            assert all(joint < meta.num_keypoints for joint in joints), name


def test_warnings_are_one_line_and_not_a_failure(tmp_path):
    ann_file = write_instances(tmp_path, 6, 21)
    gt = load_instances(ann_file, 21)
    metric = METRICS.build(
        {'type': 'EPE', 'ann_file': str(ann_file), 'outfile_prefix': str(tmp_path / 'result')}
    )
    metric.dataset_meta = {'dataset_meta': load_metainfo('freihand')}
    poses = estimates(gt, noise=5.0)[:4]
    metric.process({}, poses)
    figures = metric.evaluate(4)
    done = _run(tmp_path / 'result_keypoints.json', '--dataset', 'freihand', '--ann', ann_file)
    assert done.stdout.splitlines()[-1] == f'EPE  {figures["EPE"]:8.4f}'
    (line,) = done.stderr.splitlines()
    assert line.startswith('warning: ')
    assert '2 of 6 annotations have labelled keypoints but no pose' in line


def test_an_unknown_dataset(files):
    done = _run(files[1], '--dataset', 'cocoa', '--ann', files[0], code=1)
    (line,) = done.stderr.splitlines()
    assert "error: dataset 'cocoa' is unknown (no skeleton 'cocoa'" in line
    assert 'or one of coco, ochuman, aic' in line


def test_a_bad_file_gives_one_sentence(files):
    done = _run(files[0], '--ann', files[0], code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: ')
    assert 'annotations.json: not a COCO result file' in line


def test_starts_without_torch():
    code = (
        "import sys, runpy; sys.argv = ['evaluate.py', '--help']\n"
        "try: runpy.run_path('tools/evaluate.py', run_name='__main__')\n"
        'except SystemExit: pass\n'
        "print('torch' in sys.modules, 'mmpose.evaluation.functional' in sys.modules)"
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


@pytest.fixture
def animals(tmp_path):
    """Annotations of two categories, and a result whose poses of the second one are far off."""
    gt, dt = make_synthetic_coco(20, 60, 200, seed=8)
    files = write_synthetic_coco(gt, dt, tmp_path)
    content, poses = (json.loads(path.read_text()) for path in files)
    content['categories'].append(content['categories'][0] | {'id': 2, 'name': 'horse'})
    for entries in (content['annotations'], poses):
        for entry in entries:
            entry['category_id'] = 1 + entry['image_id'] % 2
    for pose in poses:
        if pose['category_id'] == 2:
            pose['keypoints'] = [value + 30 for value in pose['keypoints']]
    return files[0], files[1], content, poses


def _write(files, content, poses):
    for path, value in zip(files, (content, poses), strict=True):
        path.write_text(json.dumps(value))


@pytest.mark.parametrize('backend', ['numpy', 'xtcocotools'])
def test_chosen_categories(animals, tmp_path, backend):
    *files, content, poses = animals
    _write(files, content, poses)
    name = content['categories'][0]['name']
    figures = [
        evaluate_results('coco', files[1], files[0], backend=backend, category=chosen)
        for chosen in (None, [1], [name], ['horse'], [1, 'horse'])
    ]
    assert figures[1] == figures[2]
    assert figures[0] == figures[4]
    assert figures[1]['AP'] > 2 * figures[3]['AP']
    alone = [{**content, 'categories': content['categories'][:1]}, poses]
    alone[0]['annotations'] = [x for x in content['annotations'] if x['category_id'] == 1]
    _write(files, alone[0], [x for x in poses if x['category_id'] == 1])
    assert evaluate_results('coco', files[1], files[0], backend=backend) == figures[1]


def test_category_of_the_command(animals, tmp_path, monkeypatch, capsys):
    *files, content, poses = animals
    _write(files, content, poses)
    out = tmp_path / 'metrics.json'
    command = [str(files[1]), '--ann', str(files[0])]
    monkeypatch.setattr('sys.argv', ['evaluate.py', *command, '--category', '1', '--out', str(out)])
    evaluate.main()
    expected = evaluate_results('coco', files[1], files[0], category=[1])
    assert json.loads(out.read_text()) == expected
    monkeypatch.setattr('sys.argv', ['evaluate.py', *command, '--category', 'dog'])
    with pytest.raises(ValueError, match=r"has no category 'dog', it lists .*'horse' \(2\)"):
        evaluate.main()
    monkeypatch.setattr('sys.argv', ['analyze_errors.py', *command, '--category', 'horse'])
    analyze_errors.main()
    horses = capsys.readouterr().out
    monkeypatch.setattr('sys.argv', ['analyze_errors.py', *command])
    analyze_errors.main()
    assert horses != capsys.readouterr().out
    with pytest.raises(ValueError, match=r"has no category 'dog'"):
        report_errors(files[1], files[0], category=['dog'])


def test_category_where_there_are_none(animals):
    with pytest.raises(ValueError, match=r"'mpii' has no categories; leave --category out"):
        find_eval_config('mpii', ['person'])
    with pytest.raises(ValueError, match='take another for --category'):
        evaluate_results('coco', animals[1], animals[0], backend='hotcoco', category=[1])
