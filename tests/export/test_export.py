"""Exported programs run, say what they are, and agree with PyTorch."""

import copy
import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from mmpose.apis import init_model, load_config
from mmpose.apis.inference import PosePredictor, Prediction
from mmpose.backends.metadata import KEY, ExportMetadata
from mmpose.codecs import MegviiHeatmap, MSRAHeatmap, UDPCombinedHeatmap, UDPHeatmap
from mmpose.export import ExportOptions, load_source, open_exported, run_export
from mmpose.export.accuracy import evaluate_backends
from mmpose.export.comparison import TOLERANCES, Comparison, clear_keypoints
from mmpose.export.crops import load_crops
from mmpose.export.formats import write_onnx
from mmpose.export.network import PoseProgram, SwitchedProgram
from mmpose.structures import Boxes, Frame
from toy_pose import ToySpec, generate_toy_dataset

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap'
TOY = CONFIGS / 'toy/ViTPose_tiny_toy_128x96.py'
SIMPLE = CONFIGS / 'coco/ViTPose_small_simple_coco_256x192.py'
PLUS = CONFIGS / 'coco/vitPose+_small_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py'
BACKBONE = {
    'model.backbone.embed_dim': 48,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 3,
}
TINY = {**BACKBONE, 'model.head.in_channels': 48, 'model.head.deconv_out_channels': (16, 16)}
IMAGE_WH = (240, 320)
BOXES = [[20.0, 30.0, 120.0, 310.0], [-10.0, 5.0, 90.0, 80.0], [60.0, 10.0, 200.0, 300.0]]


def make_checkpoint(path: Path, config: Path, options: dict) -> Path:
    """Saves weights that give heatmaps of order 1 with clear maxima."""
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match='RANDOM WEIGHTS'):
        model = init_model(config, cfg_options=options)
    for module in model.head.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.2)
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('export')


@pytest.fixture(scope='module')
def checkpoint(folder) -> Path:
    return make_checkpoint(folder / 'tiny.pth', TOY, TINY)


@pytest.fixture(scope='module')
def decoded(folder, checkpoint):
    """An ONNX file with everything in it, for any number of crops."""
    options = ExportOptions(
        out=folder / 'decoded.onnx',
        decode_in_graph=True,
        flip_test=True,
        batch_size=None,
        cfg_options=TINY,
    )
    return run_export(TOY, checkpoint, options)


@pytest.fixture(scope='module')
def heatmaps(folder, checkpoint):
    """An ONNX file that gives heatmaps, two crops a call."""
    options = ExportOptions(out=folder / 'maps.onnx', batch_size=2, cfg_options=TINY)
    return run_export(TOY, checkpoint, options)


def require_agreement(report, checkpoint):
    """The file, opened again, gives what PyTorch gives for one crop and for three."""
    [own] = report.comparisons
    assert own.num_clear > 0.8 * own.num_keypoints
    metadata = report.metadata
    reference = init_model(TOY, checkpoint, cfg_options=TINY, flip_test=metadata.flip_test)
    backend = open_exported(report.path, threads=1)
    assert backend.dataset_meta == reference.dataset_meta
    assert backend.input_size == (96, 128)
    assert (backend.use_udp, backend.padding, backend.stretch) == (True, 1.25, False)
    crops = load_crops(None, 3, backend.input_size)
    for part in (crops[:1], crops):
        wanted = reference.backend.predict(part, with_heatmaps=True)
        found = backend.predict(part, with_heatmaps=not metadata.decoded)
        assert found.keypoints.shape == (len(part), 17, 2)
        if not metadata.decoded:
            peak = wanted.heatmaps.abs().max()
            assert (found.heatmaps - wanted.heatmaps).abs().max() < 1e-3 * peak
        clear = clear_keypoints(wanted, reference.head.decoder)
        distance = (found.keypoints - wanted.keypoints).norm(dim=-1)
        assert distance[clear].max() < 0.05  # px
        np.testing.assert_allclose(found.keypoint_scores, wanted.keypoint_scores, rtol=1e-4)


def test_onnx_that_decodes(decoded, checkpoint):
    require_agreement(decoded, checkpoint)


def test_onnx_with_heatmaps_for_two_crops_a_call(heatmaps, checkpoint):
    require_agreement(heatmaps, checkpoint)
    written = json.loads(heatmaps.report_path.read_text())
    assert written['differences'][0]['keypoints_px'] < 0.05
    assert written['batch_size'] == 2


@pytest.mark.parametrize(
    ('format', 'suffix', 'choices'),
    [
        ('torchscript', '.torchscript', dict(decode_in_graph=True, batch_size=None)),
        ('torch_export', '.pt2', dict(decode_in_graph=True, batch_size=None)),
        ('openvino', '.xml', dict(batch_size=None)),
    ],
)
def test_other_formats(folder, checkpoint, format, suffix, choices):
    out = folder / f'program{suffix}'
    options = ExportOptions(format=format, out=out, cfg_options=TINY, **choices)
    require_agreement(run_export(TOY, checkpoint, options), checkpoint)


def test_fp16_is_half_as_large(folder, checkpoint, heatmaps):
    out = folder / 'half.onnx'
    report = run_export(TOY, checkpoint, ExportOptions(out=out, fp16=True, cfg_options=TINY))
    [own] = report.comparisons
    assert 1e-6 < own.heatmaps < 5e-3  # float16 has 11 bits
    assert out.stat().st_size < 0.7 * heatmaps.path.stat().st_size


class Decode(nn.Module):
    """Reads the input itself as heatmaps of three channels."""

    def __init__(self, codec):
        super().__init__()
        self.codec = codec

    def forward(self, input):
        return self.codec.decode(input)


SIZES = dict(input_size=(40, 48), heatmap_size=(40, 48))


@pytest.mark.parametrize(
    'codec',
    [
        MSRAHeatmap(**SIZES, unbiased=True, decoder='dark'),
        MegviiHeatmap(**SIZES),
        UDPCombinedHeatmap(**SIZES),
    ],
    ids=lambda codec: f'{type(codec).__name__}-{getattr(codec, "decoder", "")}',
)
def test_other_codecs_decode_in_a_graph(tmp_path, heatmaps, codec):
    num = 3 // codec.num_channels(1)
    points = torch.tensor([[[9.3, 12.8], [30.1, 20.4], [0.0, 47.0]]])[:, :num]
    points = torch.cat([points, points + 3.3])
    maps, _ = codec.encode(points, torch.ones(points.shape[:2]))
    metadata = replace(heatmaps.metadata, input_size=(40, 48), batch_size=None, decoded=True)
    write_onnx(Decode(codec), metadata, tmp_path / 'decode.onnx')
    session = open_exported(tmp_path / 'decode.onnx').runtime
    for part in (maps, maps[:1]):
        found, wanted = session([part]), codec.decode(part)
        np.testing.assert_allclose(found[0], wanted[0], atol=1e-3)  # px
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-5)


MULTI = {**BACKBONE, 'model.backbone.part_features': 12}


@pytest.fixture(scope='module')
def plus_source():
    """The six datasets of ViTPose+ with different weights everywhere, crops of 64x64 px."""
    cfg = load_config(PLUS, MULTI, check=False)
    torch.manual_seed(0)
    heads = [
        {**head, 'in_channels': 48, 'deconv_out_channels': (8, 8), 'out_channels': num}
        for head, num in zip(cfg.model.heads, (17, 14, 16, 17, 17, 133), strict=True)
    ]
    with pytest.warns(UserWarning, match='RANDOM WEIGHTS'):
        source = load_source(
            PLUS, None, {**MULTI, 'model.heads': heads}, batch_size=None, input_size=(64, 64)
        )
    shared = copy.deepcopy(source.models[0].backbone.state_dict())
    for model in source.models:
        model.backbone.load_state_dict(shared)
        for module in model.head.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.2)
        for block in model.backbone.blocks:  # the last rows are the expert's
            nn.init.normal_(block.mlp.fc2.weight.data[36:], std=0.1)
    return source


def test_index_chooses_the_dataset(folder, plus_source):
    program = SwitchedProgram(plus_source.models, decoded=False).eval()
    common, own = (
        program.model__backbone__blocks__0__mlp__fc2__weight__common,
        (program.model__backbone__blocks__0__mlp__fc2__weight__own),
    )
    assert common.shape == (36, 192)  # shared rows once
    assert own.shape == (6, 12, 192)
    path = folder / 'plus.onnx'
    write_onnx(program, plus_source.metadata, path)
    crops = load_crops(None, 3, (64, 64))
    names = [dataset.name for dataset in plus_source.metadata.datasets]
    assert names == ['coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'wholebody']
    for model, name in zip(plus_source.models, names, strict=True):
        backend = open_exported(path, dataset=name)
        wanted = model.backend.predict(crops, with_heatmaps=True).heatmaps
        for part in (slice(1), slice(3)):
            found = backend.predict(crops[part], with_heatmaps=True)
            assert found.keypoints.shape[1] == model.dataset_meta.num_keypoints
            assert (found.heatmaps - wanted[part]).abs().max() < 1e-3 * wanted.abs().max()
        assert backend.use_udp == (name in ('coco', 'mpii'))
        assert backend.stretch == (name == 'mpii')
    with pytest.raises(ValueError, match="no dataset 'dogs', only coco, aic"):
        open_exported(path, dataset='dogs')


def test_weights_formats(folder):
    options = {**BACKBONE, 'model.head.in_channels': 48}
    config = folder / 'simple.py'
    load_config(SIMPLE, options, check=False).dump(config)
    weights = make_checkpoint(folder / 'simple.pth', config, {})
    for format, name in (('huggingface', 'hf'), ('safetensors', 'simple.safetensors')):
        report = run_export(config, weights, ExportOptions(format=format, out=folder / name))
        [own] = report.comparisons
        assert own.heatmaps < 1e-4
        assert own.keypoints_px < 0.05
        assert report.report_path.is_file()


def test_ap_before_and_after(folder, decoded, checkpoint):
    root = folder / 'data'
    generate_toy_dataset(root / 'toy', ToySpec(num_train=1, num_val=4, seed=0), workers=1)
    cfg = load_config(TOY, data_root=str(root), check=False)
    cfg.val_dataloader.num_workers = 0
    reference = init_model(TOY, checkpoint, cfg_options=TINY, flip_test=True).backend
    figures = evaluate_backends(cfg, {'a': reference, 'b': open_exported(decoded.path)})
    assert next(iter(figures['a'])) == 'coco/AP'
    assert figures['a'] == pytest.approx(figures['b'], abs=1e-3)  # a tenth of a point
    for changes, words in (
        ({'val_dataloader.dataset.metainfo': 'mpii'}, "skeleton 'mpii' but the model has 'coco'"),
        ({'val_dataloader.dataset.pipeline.2.use_udp': False}, 'use_udp=False but the codec'),
    ):
        other = cfg.copy()
        other.merge_from_dict(changes, allow_list_keys=True)
        with pytest.raises(ValueError, match=words):
            evaluate_backends(other, {'a': reference})


RUN_WITHOUT_US = """
import runpy, sys
sys.modules['torch'] = sys.modules['mmpose'] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.parametrize('which', ['decoded', 'heatmaps'])
def test_example_without_torch_and_mmpose(folder, request, which):
    report = request.getfixturevalue(which)
    image = np.random.default_rng(0).integers(0, 255, (*IMAGE_WH[::-1], 3), np.uint8)
    image = cv2.GaussianBlur(image, (31, 31), 0) * 4
    file, drawn = folder / 'image.png', folder / f'{which}.png'
    cv2.imwrite(str(file), image)
    command = [sys.executable, '-c', RUN_WITHOUT_US, 'examples/onnx_only.py', report.path, file]
    command += [word for box in BOXES for word in ('--box', *map(str, box))]
    done = subprocess.run(
        [*map(str, command), '--out', str(drawn)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    people = json.loads(done.stdout)['people']
    backend = open_exported(report.path)
    [wanted] = PosePredictor(backend)([Frame(0, image, '')], [Boxes.from_xyxy(BOXES)])
    for person, result in zip(people, wanted, strict=True):
        # px; two decimals are printed
        np.testing.assert_allclose(person['keypoints'], result.keypoints, atol=0.05)
        np.testing.assert_allclose(person['scores'], result.keypoint_scores, atol=1e-3)
    assert (cv2.imread(str(drawn)) != image).any()


def refuse(folder, checkpoint, words, **choices):
    with pytest.raises(ValueError, match=words):
        run_export(TOY, checkpoint, ExportOptions(cfg_options=TINY, **choices))


@pytest.mark.parametrize(
    ('choices', 'words'),
    [
        (dict(format='onnx', out='a.xml'), r'should end in \.onnx'),
        (dict(format='pickle', out='a.pickle'), "format is 'pickle', expected one of onnx"),
        (dict(format='torchscript', int8='x'), 'torchscript cannot be int8, only fp32, fp16'),
        (dict(fp16=True, int8='x'), 'exclude each other'),
        (dict(batch_size=0), '--batch-size is 0'),
        (dict(dataset='dogs'), 'has only one'),
        (
            dict(format='safetensors', fp16=True, flip_test=True),
            'omit .*--fp16, --cfg-options',
        ),
        (dict(input_size=(100, 128)), 'multiples of the patch size'),
    ],
)
def test_contradictions(folder, checkpoint, choices, words):
    refuse(folder, checkpoint, words, **choices)


def test_missing_things(folder, checkpoint, monkeypatch):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        open_exported(folder / 'nothing.onnx')
    with pytest.raises(ValueError, match=r'expected a name that ends in \.onnx'):
        open_exported(checkpoint)
    with pytest.raises(FileNotFoundError, match='is no folder'):
        run_export(TOY, checkpoint, ExportOptions(int8=folder / 'no', cfg_options=TINY))
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    options = ExportOptions(format='tensorrt', cfg_options=TINY)
    with pytest.raises(ImportError, match='needs tensorrt, which is not installed'):
        run_export(TOY, checkpoint, options)
    assert not checkpoint.with_suffix('.engine').exists()


def changed(source: Path, target: Path, text: str | None) -> Path:
    model = onnx.load(source)
    del model.metadata_props[:]
    if text is not None:
        onnx.helper.set_model_props(model, {KEY: text})
    onnx.save(model, target)
    return target


def test_files_that_were_changed(folder, heatmaps, decoded):
    text = heatmaps.metadata.to_json()
    crops = torch.zeros(1, 3, 128, 96, dtype=torch.uint8)
    with pytest.raises(ValueError, match="has no 'mmpose' metadata"):
        open_exported(changed(heatmaps.path, folder / 'none.onnx', None))
    newer = text.replace('"version": 1', '"version": 7')
    with pytest.raises(ValueError, match='version 7, this mmpose reads 1'):
        open_exported(changed(heatmaps.path, folder / 'newer.onnx', newer))
    with pytest.raises(ValueError, match='cannot be read'):
        open_exported(changed(heatmaps.path, folder / 'broken.onnx', text[:-9]))
    values = json.loads(text)
    skeleton = values['datasets'][0]['dataset_meta']
    for key in (
        'keypoint_names',
        'flip_indices',
        'dataset_keypoint_weights',
        'sigmas',
        'keypoint_colors',
    ):
        skeleton[key] = skeleton[key][:1]
    skeleton.update(
        skeleton_links=[], skeleton_link_colors=[], upper_body_ids=[], lower_body_ids=[]
    )
    fewer = changed(heatmaps.path, folder / 'fewer.onnx', json.dumps(values))
    with pytest.raises(ValueError, match="17 channels, but its metadata says 'coco' with 1"):
        open_exported(fewer).predict(crops)
    with pytest.raises(ValueError, match='without --decode-in-graph'):
        open_exported(decoded.path).predict(crops, with_heatmaps=True)


def test_metadata_survives(heatmaps):
    again = ExportMetadata.from_json(heatmaps.metadata.to_json(), '')
    assert again.datasets[0].dataset_meta == heatmaps.metadata.datasets[0].dataset_meta
    assert again.to_json() == heatmaps.metadata.to_json()


def test_a_program_that_differs_is_removed(folder, checkpoint, monkeypatch):
    original = PoseProgram.forward
    monkeypatch.setattr(
        PoseProgram, 'forward', lambda self, input: tuple(1.01 * x for x in original(self, input))
    )
    out = folder / 'wrong.torchscript'
    options = ExportOptions(format='torchscript', out=out, cfg_options=TINY)
    with pytest.raises(ValueError, match=r'heatmaps differ by 0\.01.*the file was removed'):
        run_export(TOY, checkpoint, options)
    assert not out.exists()


@pytest.mark.parametrize(
    ('found', 'words'),
    [
        (dict(), None),
        (dict(heatmaps=2e-3), 'heatmaps differ'),
        (dict(heatmaps=float('nan')), 'heatmaps differ'),
        (dict(heatmaps=None, scores=0.5), 'scores differ'),
        (dict(keypoints_px=0.06), 'keypoints differ by 0.06 px'),
    ],
)
def test_tolerance(found, words):
    fine = Comparison('coco', (1, 3), 1e-6, 1e-6, 1e-4, 1e-5, 68, 60)
    problem = replace(fine, **found).problem(TOLERANCES['fp32'])
    assert problem is None if words is None else words in problem


def test_equal_maxima_are_not_compared():
    codec = UDPHeatmap(**SIZES)
    maps, _ = codec.encode(torch.tensor([[[20.0, 20.0], [8.0, 8.0]]]), torch.ones(1, 2))
    twice, _ = codec.encode(torch.tensor([[[20.0, 20.0], [30.0, 40.0]]]), torch.ones(1, 2))
    maps[:, 1] += twice[:, 1]  # two people in one map
    keypoints, scores = codec.decode(maps)
    assert clear_keypoints(Prediction(keypoints, scores, maps), codec).tolist() == [[True, False]]


def test_command(folder, checkpoint, monkeypatch, capsys):
    out = folder / 'command.torchscript'
    words = [str(TOY), str(checkpoint), '--format', 'torchscript', '--out', str(out)]
    words += ['--dynamic-batch', '--input-size', '64', '96', '--cfg-options']
    words += [f'{key}={value}' for key, value in TINY.items()]
    monkeypatch.setattr(sys, 'argv', ['export.py', *words])
    runpy.run_path(str(ROOT / 'tools/export.py'), run_name='__main__')
    assert 'largest difference of heatmaps' in capsys.readouterr().out
    assert open_exported(out).input_size == (64, 96)


@pytest.mark.parametrize('decode_in_graph', [False, True])
def test_program_says_what_a_calibrated_model_with_a_visibility_head_says(folder, decode_in_graph):
    options = {**TINY, 'model.visibility_head': {'type': 'VisibilityHead'}}
    path = make_checkpoint(folder / 'plain.pth', TOY, options)
    content = torch.load(path)
    curves = torch.tensor([[0.5, 1.0], [1.5, 0.5], [1.0, 2.0]])[:, None].expand(3, 17, 2)
    content['state_dict']['calibration.coefficients'] = curves.clone()
    torch.save(content, folder / 'calibrated.pth')
    out = folder / ('said.onnx' if decode_in_graph else 'said.torchscript')
    chosen = ExportOptions(
        out=out,
        format='onnx' if decode_in_graph else 'torchscript',
        decode_in_graph=decode_in_graph,
        batch_size=None,
        cfg_options=options,
    )
    run_export(TOY, folder / 'calibrated.pth', chosen)
    model = init_model(TOY, folder / 'calibrated.pth', cfg_options=options, flip_test=False)
    crops = load_crops(None, 3, (96, 128))
    expected, found = model.backend.predict(crops), open_exported(out, threads=1).predict(crops)
    near = dict(atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.keypoint_scores, expected.keypoint_scores, **near)
    for name in ('visibility', 'pose_score', *(() if decode_in_graph else ('sigma_in',))):
        own, wanted = (getattr(x.confidence, name) for x in (found, expected))
        torch.testing.assert_close(own, wanted, **near)
    assert decode_in_graph == (found.confidence.sigma_in is None)
    raw = init_model(TOY, path, cfg_options=options, flip_test=False).backend.predict(crops)
    assert (raw.keypoint_scores - expected.keypoint_scores).abs().max() > 0.01
