"""The benchmarks run, write what they promise and calculate rightly; nothing here is timed."""

import dataclasses
import io
import json
import math
import os
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks import annotations as annotation_benchmark
from benchmarks import (
    benchmark_codec,
    benchmark_evaluation,
    benchmark_forward,
    benchmark_loader,
    benchmark_solving,
    benchmark_training,
    mmpose1_worker,
    report,
    timing,
    training,
)
from benchmarks.huggingface import build_reference_model, largest_difference, unsupported_reason
from benchmarks.machine import describe_machine, peak_tflops
from benchmarks.measured_models import (
    ModelFlops,
    count_model_flops,
    training_flops,
    utilisation,
)
from benchmarks.mmpose1_baseline import MMPose1Baseline, translate_codec, translate_dataset
from benchmarks.plain_codec import decode_person, encode_person
from mmpose.apis import load_config
from mmpose.apis.train import prepare_training
from mmpose.backends import pick_device
from mmpose.backends.packed import can_pack
from mmpose.codecs import UDPHeatmap
from mmpose.metainfo import load_metainfo
from mmpose.registry import MODELS
from toy_pose import ToySpec, generate_toy_dataset

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
TOY = CONFIGS / 'toy/ViTPose_tiny_toy_128x96.py'
PLAIN = CONFIGS / 'coco/ViTPose_small_coco_256x192.py'
SIMPLE = CONFIGS / 'coco/ViTPose_small_simple_coco_256x192.py'
SMALL = {
    'model.backbone.embed_dim': 48,
    'model.backbone.depth': 2,
    'model.backbone.num_heads': 3,
    'model.head.in_channels': 48,
}
DECONVS = {'model.head.deconv_out_channels': (16, 16)}
LOADER = {'train_dataloader.batch_size': 4, 'train_dataloader.num_workers': 1}
QUICK = dict(repeat=2, min_seconds=0.0)


@pytest.fixture(scope='session')
def toy(tmp_path_factory):
    """The folder of a toy dataset of a few people, whose name is as in the config."""
    folder = tmp_path_factory.mktemp('data') / 'toy'
    generate_toy_dataset(folder, ToySpec(num_train=4, num_val=1, seed=2), workers=1)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))


@pytest.fixture
def in_process(monkeypatch):
    """Annotations are opened here and not in a new process, which takes seconds to start."""
    monkeypatch.setattr(
        annotation_benchmark,
        'probe_annotations',
        lambda dataset_cfg, cache, repeat: annotation_benchmark.measure_here(dataset_cfg, repeat),
    )


def names(result):
    return [measurement.name for measurement in result.measurements]


COMMANDS = {
    'loader': (
        ['--samples', '6'],
        LOADER,
        {'one process': 'samples/s', '  LoadImage': 'ms/sample'},
    ),
    'codec': (
        ['--batch-size', '3'],
        {},
        {'encode, ours': 'persons/s', 'decode, ours': 'persons/s'},
    ),
    'eval': (
        ['--images', '20', '--ground-truths', '50', '--detections', '150'],
        None,
        {'ours, from arrays': 's', 'ours, from two JSON files': 's'},
    ),
    'forward': (['--batch-sizes', '2'], SMALL | DECONVS, {'fp32, batch 2, ours': 'images/s'}),
    'train': (['--batch-size', '2'], SMALL | DECONVS, {'speed': 'images/s', 'step': 'ms'}),
    'live': (
        ['--people', '1', '2'],
        None,
        {'1 at once': 'ms/frame', '2 one by one': 'ms/frame', '2 one by one / 2 at once': 'x'},
    ),
}


@pytest.mark.parametrize('command', COMMANDS)
def test_command_prints_a_table_and_writes_json(
    command, toy, tmp_path, monkeypatch, capsys, in_process
):
    options, overrides, expected = COMMANDS[command]
    out = tmp_path / 'folder/results.json'
    words = [command, *([str(TOY)] if overrides is not None else []), *options, '--repeat', '1']
    if overrides is not None:
        words += ['--data-root', str(toy.parent)]
    if overrides:
        words += ['--cfg-options', *(f'{k}={v}'.replace(' ', '') for k, v in overrides.items())]
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *words, '--out', str(out)])
    runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')

    found = json.loads(out.read_text())
    assert found['benchmark'] == command
    assert found['settings']['repeat'] == 1
    assert {'cpu', 'cores', 'threads', 'torch', 'device'} <= found['machine'].keys()
    assert f'benchmark.py {command} ' in found['command']
    assert {'date', 'commit'} <= found.keys()
    units = {measurement['name']: measurement['unit'] for measurement in found['figures']}
    assert expected.items() <= units.items()
    for measurement in found['figures']:
        assert all(math.isfinite(value) and value >= 0 for value in measurement['values'])
        assert measurement['min'] <= measurement['median'] <= measurement['max']
    printed = capsys.readouterr().out
    assert all(name in printed for name in units)


@pytest.mark.parametrize('command', ['forward', 'train'])
def test_threads_are_limited_only_on_request(command, monkeypatch):
    """Parsers share their common flags, so a default for one command would be that of all."""
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', command, 'config.py'])
    args = runpy.run_path(str(ROOT / 'tools/benchmark.py'))['parse_args']()
    assert (args.threads, args.repeat, args.device) == (None, 5, None)


def test_loader_reports_every_step_workers_and_annotations(toy, in_process):
    cfg = load_config(TOY, LOADER, str(toy.parent))
    found = benchmark_loader(cfg, repeat=2, num_samples=6, num_annotations=50)
    steps = [f'  {step.type}' for step in cfg.train_dataloader.dataset.pipeline]
    assert {*steps, '  annotation', '  collate', '  targets'} <= set(names(found))
    whole, total = found.find('one process'), found.find('one process, targets too')
    assert all(fast > slow for fast, slow in zip(whole.values, total.values, strict=True))
    assert len(found.find('DataLoader, 1 workers').values) == 2
    assert len(found.find('50 generated annotations, opened from the cache').values) == 2
    assert any(note.startswith('50 generated annotations: ') for note in found.notes)


def test_loader_compares_with_an_image_buffer(toy, in_process):
    options = {**LOADER, 'train_dataloader.sampler.image_buffer': 5}
    found = benchmark_loader(load_config(TOY, options, str(toy.parent)), repeat=1, num_samples=6)
    assert found.find('image buffer / none').values[0] > 0
    assert 'one process, image buffer, targets too' in names(found)
    assert any('persons per image; of the crops' in note for note in found.notes)


def test_annotations_are_opened_in_a_new_process(toy, tmp_path):
    dataset = load_config(TOY, LOADER, str(toy.parent)).train_dataloader.dataset.to_dict()
    cache = tmp_path / 'other cache'
    found = annotation_benchmark.probe_annotations(dataset, cache, 2)
    assert len(found['open']) == len(found['visit']) == 2
    assert found['samples'] > 0
    assert list(cache.glob('annotations/*/store.json'))
    dataset['ann_file'] = 'nowhere.json'
    with pytest.raises(ValueError, match=r'new process failed: .*nowhere\.json'):
        annotation_benchmark.probe_annotations(dataset, cache, 1)


@pytest.mark.parametrize('other', ['hotcoco', 'faster_coco_eval'])
def test_evaluation_compares_with_what_is_installed(other):
    others = (other, 'no_such_evaluator')
    found = benchmark_evaluation(repeat=1, num_images=20, num_gt=60, num_dt=200, others=others)
    assert 'no_such_evaluator is not installed' in found.notes
    if f'{other} is not installed' in found.notes:
        pytest.skip(f'{other} is not installed')
    (note,) = [x for x in found.notes if x.startswith('largest difference')]
    assert float(note.rpartition(' ')[2]) < 1e-12
    assert found.find(f'{other}, evaluation alone / ours, from arrays').values[0] > 0
    steps = ('load annotations', 'load results', 'evaluate and summarise')
    assert [name.strip() for name in names(found) if name.startswith('  ')] == [*steps, *steps]


def test_evaluation_needs_sigmas():
    bare = dataclasses.replace(load_metainfo('coco'), sigmas=None)
    with pytest.raises(ValueError, match=r"skeleton 'coco' has no sigmas"):
        benchmark_evaluation(repeat=1, metainfo=bare)


def test_forward_runs_beside_transformers():
    pytest.importorskip('transformers', reason='transformers is not installed')
    cfg = load_config(SIMPLE, SMALL)
    found = benchmark_forward(cfg, batch_sizes=[1], dtypes=['fp32', 'bf16'], peak=0.5, **QUICK)
    ours, theirs = (found.find(f'bf16, batch 1, {x}') for x in ('ours', 'transformers'))
    ratio = found.find('bf16, batch 1, ours / transformers')
    assert ratio.values == tuple(x / y for x, y in zip(ours.values, theirs.values, strict=True))
    flops = count_model_flops(cfg.model.to_dict()).of_batch(1, [1])
    share = found.find('bf16, batch 1, MFU').values[0]
    assert share == pytest.approx(100 * flops * ours.values[0] / 0.5e12)
    assert 'fp32, batch 1, MFU' not in names(found)
    assert 'bf16, batch 1, packed' not in names(found)
    if can_pack(MODELS.build(cfg.model)):
        assert found.find('fp32, batch 1, packed / transformers').median > 0


@pytest.mark.parametrize(
    ('config', 'overrides'), [(PLAIN, SMALL), (SIMPLE, SMALL)], ids=['classic', 'simple']
)
def test_reference_model_computes_the_same(config, overrides):
    pytest.importorskip('transformers', reason='transformers is not installed')
    torch.manual_seed(0)
    model = MODELS.build(load_config(config, overrides).model).eval()
    image = torch.randn(2, 3, 256, 192)
    with torch.inference_mode():
        before = model(image)
    reference_model = build_reference_model(model).eval()
    with torch.inference_mode():
        after = model(image)
    assert (after - before).abs().max() > 1e-3  # the weights have changed ...
    assert after.std() > 1e-3  # ... and do something
    assert largest_difference(model, reference_model, image) < 1e-4


def test_model_without_reference_says_why():
    cfg = load_config(TOY, SMALL | DECONVS)
    assert 'not a plain ViT' in unsupported_reason(MODELS.build(cfg.model))
    found = benchmark_forward(cfg, batch_sizes=[1], **QUICK)
    assert any('no comparison with transformers' in note for note in found.notes)
    assert not any('transformers' in name for name in names(found))


def test_training_reports_speed_and_memory():
    cfg = prepare_training(load_config(TOY, SMALL | DECONVS), amp=True)
    found = benchmark_training(cfg, batch_size=2, peak=0.5, **QUICK)
    speed, step = found.find('speed'), found.find('step')
    assert speed.values == pytest.approx([2000 / ms for ms in step.values])
    flops = 1e9 * found.find('operations of a step').median
    assert flops == 3 * count_model_flops(cfg.model.to_dict()).of_batch(2, [2])
    assert found.find('MFU').values[0] == pytest.approx(flops / step.values[0] / 0.5e12 * 1e5)
    assert found.find('peak memory of the process').median > 10
    assert found.settings['amp'] is True


def test_training_step_changes_the_weights():
    cfg = load_config(TOY, SMALL | DECONVS)
    model = MODELS.build(cfg.model).train()
    wrapper = training._build_optimizer(cfg, model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    batch = training.make_batch(model, 2, torch.device('cpu'))
    assert batch['inputs'].shape == (2, 3, 128, 96)
    assert batch['inputs'].dtype == torch.uint8
    assert batch['batch']['keypoints'].shape == (2, 17, 2)
    model.train_step(training._shallow_copy(batch), wrapper)
    changed = [
        not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)
    ]
    assert sum(changed) > len(changed) / 2


def test_mixed_precision_on_another_device_is_refused(monkeypatch):
    monkeypatch.setattr(training, 'get_device', lambda: 'cuda')
    cfg = prepare_training(load_config(TOY), amp=True)
    with pytest.raises(ValueError, match=r'--device is cpu, but mixed precision runs on cuda'):
        benchmark_training(cfg, device='cpu', repeat=1)


def test_plain_codec_agrees_with_the_codec():
    codec = UDPHeatmap((192, 256), (48, 64), sigma=2)
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 1, (2, 17, 2)) * [191, 255]
    maps, _ = codec.encode(torch.tensor(keypoints, dtype=torch.float32), torch.ones(2, 17))
    noisy = maps + 0.01 * torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))
    points, scores = codec.decode(noisy)
    for person in range(2):
        drawn = encode_person(keypoints[person] / codec.stride_wh, codec.heatmap_size, 2)
        np.testing.assert_allclose(drawn, maps[person], atol=1e-5)
        read, read_scores = decode_person(noisy[person].numpy(), codec.blur_kernel_size)
        # 0.02 px: float32 rounding of differences of logs
        np.testing.assert_allclose(read * codec.stride_wh, points[person], atol=0.02)
        np.testing.assert_array_equal(read_scores, scores[person])


def test_plain_codec_leaves_out_what_is_beyond_the_map():
    maps = encode_person(np.array([[-40.0, 5.0], [5.0, 5.0]]), (48, 64), 2.0)
    assert not maps[0].any()
    assert maps[1].max() == 1
    points, scores = decode_person(maps, 11)
    assert points[0].tolist() == [-1, -1]
    assert scores.tolist() == [0, 1]


def test_codec_without_a_plain_version_is_timed_alone():
    plain = load_config(PLAIN).model.head.decoder
    codec = dict(
        _delete_=True,
        type='UDPCombinedHeatmap',
        input_size=plain.input_size,
        heatmap_size=plain.heatmap_size,
    )
    options = {'model.head.decoder': codec, 'model.head.out_channels': 51}
    cfg = load_config(PLAIN, options, check=False)
    found = benchmark_codec(cfg, batch_size=2, **QUICK)
    jobs = ('encode', 'decode')
    assert names(found) == [f'{x}, ours{y}' for x in jobs for y in ('', ', page faults')]
    assert found.notes[-1] == 'no plain implementation of UDPCombinedHeatmap to compare with'


# a stand-in for a Python with MMPose 1.x: twice as slow as a clock that it invents
STAND_IN = """#!{python}
import json, sys
answer = {{'version': '1.9', 'num_samples': 5, 'seconds': 3.0}}
for line in sys.stdin:
    request = json.loads(line)
    if request.get('do') == 'load':
        assert max(request['indices']) < 5
        answer = {{'seconds': 4.0, 'steps': {{'LoadImage': 2.0}}}}
    elif request.get('do') == 'code':
        assert len(request['keypoints'][0]) == 17
        answer = {{'encode': 1.0, 'decode': 0.5}}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def stand_in(tmp_path):
    path = tmp_path / 'python'
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    return str(path)


def test_baseline_is_interleaved(stand_in, toy, in_process):
    cfg = load_config(TOY, LOADER, str(toy.parent))
    found = benchmark_codec(cfg, batch_size=2, baseline_python=stand_in, **QUICK)
    assert found.find('encode, MMPose 1.9').values == (2, 2)
    assert found.find('decode, MMPose 1.9').values == (4, 4)
    ours = found.find('decode, ours').values
    assert found.find('decode, ours / MMPose 1.9').values == tuple(x / 4 for x in ours)
    options = dict(baseline_python=stand_in, num_annotations=50)
    found = benchmark_loader(cfg, repeat=2, num_samples=8, **options)
    assert found.find('MMPose 1.9').median == 2
    assert found.find('  LoadImage (MMPose 1.9)').median == 250
    ratio = found.find('ours, one process / MMPose 1.9').median
    assert ratio == found.find('one process').median / 2
    parsed = found.find('50 generated annotations, parsed')
    ratio = found.find('MMPose 1.9 / 50 generated annotations, parsed')
    assert ratio.values == (3 / parsed.median,)
    assert ratio.of == ('50 generated annotations, MMPose 1.9', parsed.name)
    assert any(note.startswith('MMPose 1.9 finds 5 samples') for note in found.notes)


def test_baseline_without_mmpose_1_says_so():
    codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64))
    with pytest.raises(ValueError, match=r'MMPose 1\.x in .* says: \w*Error'):
        MMPose1Baseline(sys.executable, codec)
    with pytest.raises(ValueError, match=r'--peer-python nowhere/python cannot be started'):
        MMPose1Baseline('nowhere/python', codec)
    with pytest.raises(ValueError, match=r'ended without an answer'):
        MMPose1Baseline('true', codec)


def test_peer_runs_the_real_thing(toy):
    python = os.environ.get('MMPOSE_TEST_PEER')
    if not python:
        pytest.skip('MMPOSE_TEST_PEER names no Python with MMPose 1.x')
    cfg = load_config(TOY, LOADER, str(toy.parent))
    dataset = cfg.train_dataloader.dataset.to_dict()
    with MMPose1Baseline(python, cfg.model.head.decoder.to_dict(), dataset) as baseline:
        answer = baseline.load(range(8), 4)
        assert answer['seconds'] > 0
        assert {'LoadImage', 'TopdownAffine', 'GenerateTarget'} <= answer['steps'].keys()
        assert baseline.code(np.full((2, 17, 2), 40.0).tolist()).keys() == {'encode', 'decode'}


def test_peer_translates_configs():
    codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=3)
    assert translate_codec(codec) == {
        'type': 'UDPHeatmap',
        'input_size': [192, 256],
        'heatmap_size': [48, 64],
        'sigma': 3,
    }
    with pytest.raises(ValueError, match=r'the codec is MegviiHeatmap.*leave out --peer-python'):
        translate_codec({'type': 'MegviiHeatmap'})
    dataset = dict(type='CocoDataset', data_root='/d', ann_file='a.json')
    dataset['data_prefix'] = {'img': 'images'}
    assert translate_dataset(dataset)['data_prefix'] == {'img': 'images'}
    with pytest.raises(ValueError, match=r'the training set is a MpiiDataset'):
        translate_dataset({'type': 'MpiiDataset'})


def test_worker_answers_errors_too(monkeypatch):
    class Fake:
        def __init__(self, setup):
            assert setup == {'codec': 1}

        def describe(self):
            return {'version': '1'}

        def load(self, request):
            raise RuntimeError('no image')

        def code(self, request):
            return {'encode': 2.0}

    monkeypatch.setattr(mmpose1_worker, 'Worker', Fake)
    requests = [{'codec': 1}, {'do': 'load'}, {'do': 'code'}]
    output = io.StringIO()
    mmpose1_worker.serve(io.StringIO('\n'.join(map(json.dumps, requests))), output)
    answers = [json.loads(line) for line in output.getvalue().splitlines()]
    assert answers == [{'version': '1'}, {'error': 'RuntimeError: no image'}, {'encode': 2.0}]


def test_candidates_are_interleaved():
    log = []
    candidates = {name: lambda name=name: log.append(name) or len(log) for name in 'ab'}
    found = timing.interleave(candidates, 3)
    assert ''.join(log) == 'ab' + 'ab' + 'ba' + 'ab'
    assert found == {'a': [3, 6, 7], 'b': [4, 5, 8]}
    with pytest.raises(ValueError, match=r'--repeat is 0'):
        timing.interleave(candidates, 0)


def test_stopwatch_gives_seconds_per_call(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: now[0])
    calls, waits = [], []

    def work():
        calls.append(now[0])
        now[0] += 2.0

    measure = timing.stopwatch(work, min_seconds=9.0, synchronize=lambda: waits.append(1))
    assert measure() == 2.0
    assert len(calls) == 2 + 4  # one to warm up, one to find out how many fit
    assert measure() == 2.0
    assert len(calls) == 2 + 4 + 4
    assert len(waits) == 8


def test_step_clock_adds_up(monkeypatch):
    ticks = iter([0.0, 1.0, 3.0, 4.0, 10.0, 15.0])
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: next(ticks))
    clock = timing.StepClock()
    for name in 'aba':
        clock.end(name)
    clock.restart()
    clock.end('b')
    assert clock.seconds == {'a': 2.0, 'b': 7.0}


def test_threads_are_restored():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with timing.limit_threads(3):
        assert torch.get_num_threads() == 3
        with timing.limit_threads(None):
            assert torch.get_num_threads() == 3
    with timing.limit_threads(1):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def test_report_calculates_and_aligns():
    found = report.Report('codec', {'cpu': 'x'}, {'batch': 2})
    ours = found.add('ours', 'persons/s', [30.0, 10.0, 20.0, 99.0])
    theirs = found.add('a longer name', 'persons/s', [3.0, 5.0, 2.0, 9.0])
    ratio = found.add_ratio('ratio', ours, theirs)
    found.add('size', 'GFLOP', 12345.6)
    assert ours.median == 25
    assert ratio.values == (10, 2, 10, 11)
    assert ratio.to_dict()['median'] == 10
    assert ratio.to_dict()['of'] == ['ours', 'a longer name']
    found.notes.append('be careful')
    assert found.format().splitlines() == [
        'codec: batch 2',
        'cpu x',
        '',
        '               median    min    max  unit',
        'ours            25.00  10.00  99.00  persons/s',
        'a longer name   4.000  2.000  9.000  persons/s',
        'ratio           10.00  2.000  11.00  x = 25.00 / 4.000 persons/s',
        'size            12346                GFLOP',
        'note: be careful',
    ]
    with pytest.raises(KeyError, match=r"no measurement 'x'"):
        found.find('x')


@pytest.mark.parametrize(
    ('value', 'text'),
    [(0, '0'), (1234.5, '1234'), (0.5, '0.5000'), (98765.4, '98765'), (2e-5, '2.0e-05')],
)
def test_numbers_are_short(value, text):
    assert report.format_number(value) == text


@pytest.mark.parametrize(('busy', 'num_notes'), [(1.5, 1), (0.0, 0), (None, 0)])
def test_busy_machine_is_noted(busy, num_notes, monkeypatch):
    machine = {'cores': 2, 'busy_cores': busy}
    monkeypatch.setattr(report, 'describe_machine', lambda device: machine)
    assert len(report.start_report('x', torch.device('cpu'), {}).notes) == num_notes


def test_operations_follow_from_the_architecture():
    """Every matrix product and convolution by hand, for a ViT and the classic decoder."""
    cfg = load_config(PLAIN, SMALL | DECONVS)
    tokens, dim, depth, channels = 16 * 12, 48, 2, 16
    patch = tokens * dim * 3 * 16 * 16
    attention = tokens * dim * 4 * dim + 2 * tokens * tokens * dim
    block = attention + 2 * tokens * dim * 4 * dim
    deconvs = 16 * tokens * dim * channels + 16 * 4 * tokens * channels * channels
    final = 16 * tokens * channels * 17
    found = count_model_flops(cfg.model.to_dict())
    assert found.shared == 2 * (patch + depth * block)
    assert found.heads == (2 * (deconvs + final),)


def test_arithmetic_of_utilisation():
    assert training_flops(10) == 30
    assert ModelFlops(10, (1, 5)).of_batch(4, [3, 1]) == 40 + 3 + 5
    assert utilisation(flops=5e12, seconds=0.1, peak_tflops=100) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ('name', 'peak'),
    [
        ('NVIDIA A100-SXM4-80GB', 312),
        ('NVIDIA H100 80GB HBM3', 989),
        ('NVIDIA H100 PCIe', 756),
        ('NVIDIA H200', 989),
        ('CPU', None),
    ],
)
def test_peaks(name, peak):
    assert peak_tflops(name) == peak


def test_machine_and_devices():
    machine = describe_machine(pick_device('cpu'))
    assert json.loads(json.dumps(machine)) == machine
    assert machine['cores'] >= 1
    with pytest.raises(ValueError, match=r"device is 'nonsense', which is not there"):
        pick_device('nonsense')


def test_wrong_numbers_are_refused(toy):
    with pytest.raises(ValueError, match=r'--samples is 0'):
        benchmark_loader(load_config(TOY, LOADER, str(toy.parent)), num_samples=0)
    with pytest.raises(ValueError, match=r'--people has 0, expected 1 or more'):
        benchmark_solving(num_people=[1, 0])
    with pytest.raises(ValueError, match=r"--dtypes has 'fp8'"):
        benchmark_forward(load_config(TOY, SMALL | DECONVS), dtypes=['fp8'])
