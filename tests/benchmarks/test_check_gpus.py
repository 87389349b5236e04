"""The check of a new machine runs every stage on a CPU, and each says what is wrong."""

import json
import os
import runpy
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import check_gpus as check
from benchmarks import gpu_measures, gpu_trainings, tables
from benchmarks.gpu_measures import read_config
from benchmarks.gpu_trainings import Workplace
from mmpose.config.load import load_config

ROOT = Path(__file__).parents[2]


def stage_names(tmp_path):
    place = Workplace(tmp_path, tmp_path, 2, False, 1.0)
    return list(check.make_stages(place, check.Worker(1.0), []))


class Here:
    """Stands for the worker process: the functions run in this one."""

    def __init__(self, limit_s):
        pass

    def __call__(self, function, *args):
        return function(*args)

    def close(self):
        pass


def read_tiny(name, has_gpu, **more):
    """Config of a model of a check: ViTPose-S as it is, all others narrow or of one block."""
    if name == 'ViTPose-S':
        return read_config(name, has_gpu, **more)
    backbone = {'embed_dim': 24, 'depth': 1, 'num_heads': 2}
    narrow = {f'model.backbone.{key}': value for key, value in backbone.items()}
    for head in [f'heads.{i}' for i in range(6)] if name == 'ViTPose+-B' else ['head']:
        narrow[f'model.{head}.in_channels'] = 24
        narrow[f'model.{head}.deconv_out_channels'] = (8, 8)
    of_language = {
        'PGVL-B': {'model.backbone.depth': 1, 'model.text_encoder.layers': 1},
        'VLPose-B': {'model.backbone.depth': 1, 'model.text_encoder.depth': 1},
    }
    path = ROOT / gpu_measures.COCO / gpu_measures.MODELS[name]
    return load_config(path, of_language.get(name, narrow), **more)


@pytest.fixture
def tiny_networks(monkeypatch):
    monkeypatch.setattr(check, 'Worker', Here)
    monkeypatch.setattr(gpu_measures, 'read_config', read_tiny)
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    yield
    for backend, is_allowed in zip(backends, before, strict=True):  # a stage turns it off
        backend.allow_tf32 = is_allowed


@pytest.mark.parametrize('kind', ['commands', 'networks'])
def test_every_stage_runs_at_a_tiny_size(kind, tmp_path, capsys, request):
    if kind == 'networks':  # the others have the real worker
        request.getfixturevalue('tiny_networks')
    names = [name for name in stage_names(tmp_path) if kind_of(name) == kind]
    report = check.check_gpus(tmp_path / 'out', names)
    stages = {stage['name']: stage for stage in report['stages']}
    assert list(stages) == names
    assert {x['name']: x['text'] for x in report['stages'] if x['status'] == check.FAILED} == {}
    assert 'no figure counts' in capsys.readouterr().out
    assert json.loads((tmp_path / 'out/check.json').read_text()) == report
    assert (
        tables.format_file(tmp_path / 'out/check.json') == (tmp_path / 'out/table.md').read_text()
    )
    for name in names:
        if name.startswith('step') and stages[name]['status'] == check.DONE:
            assert stages[name]['rows'][0]['speed, images/s'] > 0
    if kind == 'commands':
        assert stages['all-reduce']['rows'][0]['ranks'] == 2
        assert stages['training, FSDP']['rows'][0]['images/s'] > 0
        assert (tmp_path / 'out/kill_and_resume.txt').read_text().count('resumed from') == 1
        assert 'are compiled' in (tmp_path / 'out/compile.txt').read_text()


def kind_of(name):
    kind = name.split(',')[0]
    networks = ('forward', 'step', 'CUDA graphs', 'codec', 'evaluation')
    return 'networks' if kind in networks else 'commands'


@pytest.mark.parametrize(
    ('error', 'status', 'text'),
    [
        (ValueError('it is wrong'), check.FAILED, 'it is wrong'),
        (TimeoutError('no end after 3 s'), check.FAILED, 'no end after 3 s'),
        (ImportError('pip install transformers'), check.LEFT_OUT, 'pip install transformers'),
        (RuntimeError('CUDA out of memory. Tried'), check.FAILED, 'the memory is full'),
    ],
)
def test_a_stage_that_fails_is_one_sentence(error, status, text, capsys):
    def fail():
        raise error

    row = check.run_stage('some stage', fail)
    assert (row['status'], row['rows']) == (status, [])
    assert row['text'].startswith(text)
    assert text in capsys.readouterr().out


def test_a_worker_outlives_what_it_runs():
    worker = check.Worker(120.0)
    try:
        with pytest.raises(ValueError, match='ended by the system'):
            worker(os._exit, 3)
        assert worker(os.path.join, 'a', 'b') == 'a/b'
        with pytest.raises(ValueError, match='could not convert'):
            worker(float, 'x')
        worker.limit_s = 0.2
        with pytest.raises(TimeoutError, match='no end after 0 s'):
            worker(time.sleep, 60)
    finally:
        worker.close()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Trainings that log what ``logged`` holds instead of running."""
    logged = {}

    def run(self, name, words):
        file = self.folder / name / '1/vis_data/scalars.json'
        file.parent.mkdir(parents=True, exist_ok=True)
        values = enumerate(logged[name], start=1)
        records = [dict(step=i, loss=x, images_per_s=1.0, data_wait=0.0) for i, x in values]
        file.write_text('\n'.join(json.dumps(record) for record in records))

    monkeypatch.setattr(Workplace, 'run', run)
    return SimpleNamespace(logged=logged, place=Workplace(tmp_path, tmp_path, 2, False, 1.0))


@pytest.mark.parametrize(
    ('losses', 'message'),
    [
        ([1.0, 0.9, 0.8], None),
        ([1.0, 0.9, 0.5], 'largest difference of loss to fp32 in one process: 3.7e-01 of it'),
        ([1.0, 0.9], '2 iterations instead of 3'),
        ([1.0, 0.9, float('nan')], 'nan of it; expected at most 0.05'),
    ],
)
def test_losses_are_compared(place, losses, message):
    place.logged.update(fp32=[1.0, 0.9, 0.79], bf16=losses)
    gpu_trainings.train_fp32(place.place)
    if message is None:
        assert gpu_trainings.train_bf16(place.place)[1][0]['training'] == 'bf16'
        return
    with pytest.raises(ValueError, match=message):
        gpu_trainings.train_bf16(place.place)


def test_a_command_that_fails_or_hangs_is_one_sentence(tmp_path):
    place = Workplace(tmp_path, tmp_path, 2, False, 60.0)
    code = 'import sys; print("error: no such thing\\nmore"); sys.exit(3)'
    with pytest.raises(ValueError, match=r'^exit status 3: no such thing$'):
        place.run('failing', [sys.executable, '-c', code])
    place = Workplace(tmp_path, tmp_path, 2, False, 0.1)
    with pytest.raises(TimeoutError, match='no end after'):
        place.run('hanging', [sys.executable, '-c', 'import time; time.sleep(60)'])


def test_networks_that_differ_are_found(monkeypatch):
    calls = []

    def heatmaps(*args):
        calls.append(args)
        return [gpu_measures.torch.ones(1) * (1 + 0.01 * len(calls))]

    monkeypatch.setattr(gpu_measures, 'own_heatmaps', heatmaps)
    with pytest.raises(ValueError, match=r'difference of heatmaps on cpu and CPU: 9.9e-03'):
        gpu_measures.compare_forward('ViTPose-S', False)


@pytest.mark.parametrize('failed', [True, False])
def test_the_command_ends_with_what_failed(failed, tmp_path, monkeypatch, capsys):
    stages = [dict(name='a', status='failed' if failed else 'ok'), dict(name='b', status='ok')]
    asked = []
    monkeypatch.setattr(
        check, 'check_gpus', lambda out_dir: asked.append(out_dir) or {'stages': stages}
    )
    monkeypatch.setattr(sys, 'argv', ['check_gpus.py', '--out', str(tmp_path)])
    if failed:
        with pytest.raises(SystemExit, match='error: 1 of 2 stages failed: a'):
            runpy.run_path(str(ROOT / 'tools/check_gpus.py'), run_name='__main__')
    else:
        runpy.run_path(str(ROOT / 'tools/check_gpus.py'), run_name='__main__')
    assert asked[0].parent == tmp_path
    assert str(asked[0]) in capsys.readouterr().out


def test_a_part_that_is_not_compiled_is_a_failure(place):
    place.logged.update(fp32=[1.0], compile=[1.0])
    gpu_trainings.train_fp32(place.place)
    assert gpu_trainings.train_compiled(place.place)
    text = 'now - mmengine - WARNING - the head runs without compilation: why'
    (place.place.logs / 'compile.txt').write_text(text)
    with pytest.raises(ValueError, match=r'^the head runs without compilation: why$'):
        gpu_trainings.train_compiled(place.place)


@pytest.mark.parametrize(
    ('factor', 'problem', 'message'),
    [
        (1.0, None, None),
        (
            1.01,
            None,
            'heatmaps of CUDA graphs differ by 1.0e-02 of the largest value in a batch of 8',
        ),
        (float('nan'), None, 'differ by nan'),
        (1.0, 'not permitted', 'no CUDA graph was recorded: not permitted'),
    ],
)
def test_graphs_are_compared(factor, problem, message):
    def backend(factor, problem=None):
        def predict(crops, with_heatmaps=False):
            return SimpleNamespace(heatmaps=factor * crops.float())

        graphs = SimpleNamespace(problem=problem)
        device = gpu_measures.torch.device('cpu')
        return SimpleNamespace(input_size=(4, 6), device=device, graphs=graphs, predict=predict)

    backends = {'as it is': backend(1.0), 'CUDA graphs': backend(factor, problem)}
    if message is None:
        rows = gpu_measures._time_backends(backends, 8, 0.0)
        assert [(row['run'], row['batch'], row['gap']) for row in rows] == [
            ('as it is', 8, 0.0),
            ('CUDA graphs', 8, 0.0),
        ]
        return
    with pytest.raises(ValueError, match=message):
        gpu_measures._time_backends(backends, 8, 0.0)
