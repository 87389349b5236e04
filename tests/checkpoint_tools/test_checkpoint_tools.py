"""Splitting, converting, inspecting and publishing checkpoints."""

import os
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from checkpoint_files import (
    DIM,
    NAMES,
    PART,
    SKELETONS,
    WIDTHS,
    as_published,
    assert_same,
    draw,
    images,
    multi_head_model,
    plain_config,
    plain_model,
    plain_state,
    published,
    save,
)
from mmengine.config import Config

from mmpose.checkpoint_tools import (
    inspect_checkpoint,
    publish_checkpoint,
    split_checkpoint,
)
from mmpose.checkpoints import load_model, read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {
    'model_split.py': ['--source', '{}'],
    'convert_checkpoint.py': ['{}', 'out.pth', '--to', 'ours'],
    'inspect_checkpoint.py': ['{}'],
    'publish_model.py': ['{}', 'out.pth'],
}


@pytest.fixture
def run_tool(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; returns exit status, output and errors."""

    def run(name, *words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, words)])
        status = 0
        try:
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return run


SPLITS = {
    'ViTPose+': (dict(), NAMES),
    'ViTPose+ of part 24, padded heads': (dict(part=24, widths=(17, *[133] * 5)), NAMES),
    'HAP, three experts, all heads of 17': (dict(num_experts=3, widths=(17,) * 3), NAMES[:3]),
    'multi-task': (dict(num_experts=0, widths=WIDTHS[:3]), NAMES[:3]),
}


@pytest.mark.parametrize(('options', 'names'), SPLITS.values(), ids=SPLITS)
def test_split_files_load_strictly_and_compute_the_same(tmp_path, options, names):
    model = published(**options)
    source = save(model.state_dict(), tmp_path / 'all.pth', optimizer={'state': {}})

    report = split_checkpoint(source, tmp_path / 'parts')

    assert tuple(report.files) == names
    assert sorted(x.name for x in (tmp_path / 'parts').iterdir()) == sorted(
        f'{name}.pth' for name in names
    )
    for dataset, name in enumerate(names):
        width = WIDTHS[dataset]
        plain = plain_model(width, SKELETONS[dataset])
        loaded = load_model(plain, report.files[name])
        assert (loaded.dropped, loaded.missing, loaded.notes) == ({}, (), ())
        with torch.no_grad():
            expected = model(images(), dataset)[:, :width]
            output = plain(images())
        assert expected.std() > 0.05  # far above the tolerance
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
        content = read_checkpoint(report.files[name])
        assert content.keys() == {'state_dict', 'meta'}
        assert content['meta']['source_sha256'] == report.source.sha256
        assert not any('expert' in x or 'associate' in x for x in content['state_dict'])


def test_split_part_fits_the_plain_config_of_the_repository(tmp_path):
    """ViTPose+-S as released, with experts of 96 channels; one block of its twelve."""
    from mmengine.config import Config

    from mmpose.registry import MODELS

    folder = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/mpii'
    cfg = Config.fromfile(folder / 'ViTPose_small_mpii_256x192.py').model
    cfg.backbone.depth = 1
    plain = draw(MODELS.build(cfg))
    state = plain.state_dict()
    head = {k.removeprefix('head.'): x for k, x in state.items() if k.startswith('head.')}
    moe = {k: x for k, x in state.items() if k.startswith('backbone.')}
    for kind in ('weight', 'bias'):
        whole = moe.pop(f'backbone.blocks.0.mlp.fc2.{kind}')
        moe[f'backbone.blocks.0.mlp.fc2.{kind}'] = whole[:-96]
        for expert in range(3):
            rows = whole[-96:] if expert == 2 else torch.zeros_like(whole[-96:])
            moe[f'backbone.blocks.0.mlp.experts.{expert}.{kind}'] = rows
    for prefix in ('keypoint_head.', 'associate_keypoint_heads.0.', 'associate_keypoint_heads.1.'):
        moe |= {prefix + name: x for name, x in head.items()}
    moe |= {
        f'keypoint_head.final_layer.{x}': torch.zeros(17, *head[f'final_layer.{x}'].shape[1:])
        for x in ('weight', 'bias')
    }

    files = split_checkpoint(save(moe, tmp_path / 'plus.pth')).files

    before = {name: tensor.clone() for name, tensor in state.items()}
    load_model(draw(plain, seed=5), files['mpii'])
    assert_same(plain.state_dict(), before)


def test_split_of_a_training_of_this_package_uses_its_names(tmp_path):
    model = multi_head_model(WIDTHS[:2], SKELETONS[:2], num_expert=2)
    text = "names = 1\nmodel = dict(type='M', names=['people', 'crowd'], backbone=dict())\n"
    source = save(model.state_dict(), tmp_path / 'all.pth', meta={'cfg': text})

    assert tuple(split_checkpoint(source).files) == ('people', 'crowd')
    assert (tmp_path / 'crowd.pth').is_file()


def split_already():
    """As the published splitter leaves a file: experts merged but still there."""
    extra = {'backbone.blocks.0.mlp.experts.0.weight': torch.zeros(PART, 4 * DIM)}
    return as_published(plain_state()) | extra


def without(pattern, **options):
    return {k: x for k, x in published(**options).state_dict().items() if pattern not in k}


def with_short_head():
    return published(num_experts=3, widths=(17, 16, 14)).state_dict()


BAD_SPLITS = {
    'plain': (plain_state, 'has neither experts nor several heads, there is nothing to split'),
    'split': (split_already, 'it is split already, there is nothing to split'),
    'four experts': (
        lambda: published(num_experts=4, widths=WIDTHS[:4]).state_dict(),
        'has 4 experts, expected 3 .* or 6',
    ),
    'two heads': (
        lambda: published(num_experts=0, widths=WIDTHS[:2]).state_dict(),
        'has 2 heads, expected 3',
    ),
    'missing heads': (
        lambda: without('associate_keypoint_heads.4'),
        'has 6 experts but 5 heads, expected one head per expert',
    ),
    'missing expert': (
        lambda: without('blocks.1.mlp.experts.5'),
        r"mlp' has a (weight|bias) of experts \[0, 1, 2, 3, 4\], expected 0 to 5",
    ),
    'heads in another order': (
        with_short_head,
        r"'head.final_layer.weight' has 14 rows, fewer than the 16 keypoints",
    ),
}


@pytest.mark.parametrize(('make', 'message'), BAD_SPLITS.values(), ids=BAD_SPLITS)
def test_what_cannot_be_split_is_refused_in_one_sentence(tmp_path, make, message):
    source = save(make(), tmp_path / 'all.pth')

    with pytest.raises(ValueError, match=message) as info:
        split_checkpoint(source, tmp_path / 'parts')
    assert '\n' not in str(info.value)
    assert not (tmp_path / 'parts').exists()


def test_split_does_not_overwrite_its_source(tmp_path):
    source = save(published().state_dict(), tmp_path / 'coco.pth')
    with pytest.raises(ValueError, match=r"'coco' would overwrite the source.*set --target"):
        split_checkpoint(source)


@pytest.mark.parametrize('wide', [False, True])
def test_moe_file_loads_strictly_into_a_multi_head_model(tmp_path, wide):
    source = published(widths=(17, *[133] * 5) if wide else WIDTHS)
    path = save(
        source.state_dict() | {'backbone.cls_token': torch.zeros(1, 1, DIM)}, tmp_path / 'x'
    )
    model = multi_head_model(num_expert=6)

    report = load_model(model, path)

    assert report.format == 'vitpose+'
    assert report.missing == ()
    assert report.dropped == {'backbone.cls_token': 'the network has no class token'}
    cut = [x for x in report.notes if 'final_layer was cut from 133 to its first' in x]
    assert (len(report.notes), len(cut)) == (4, 4) if wide else (0, 0)
    for dataset, head in enumerate(model.heads):
        with torch.no_grad():
            features = model.backbone(images(), torch.full((2,), dataset))
            output, expected = head(features), source(images(), dataset)
        torch.testing.assert_close(output, expected[:, : WIDTHS[dataset]], rtol=0, atol=1e-5)


BAD_LOADS = {
    'experts': (dict(num_experts=3, widths=WIDTHS[:3]), 'number of experts is 3 in the file and 6'),
    'part': (dict(part=16), 'part_features is 16 in the file and 32 in the model'),
    'heads': (dict(widths=WIDTHS[:5]), 'number of heads is 5 in the file and 6 in the model'),
    'order': (
        dict(widths=(17, 16, 14, 17, 17, 133)),
        r'heads\.2\.out_channels is 14 in the file and 16 in the model',
    ),
}


@pytest.mark.parametrize(('options', 'message'), BAD_LOADS.values(), ids=BAD_LOADS)
def test_multi_head_model_of_another_shape(tmp_path, options, message):
    path = save(published(**options).state_dict(), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=message):
        load_model(multi_head_model(num_expert=6), path)


def test_moe_file_and_plain_model_names_the_splitter(tmp_path):
    path = save(published().state_dict(), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=r'one expert per dataset.*tools/model_split\.py'):
        load_model(plain_model(), path)


def test_inspection_names_config_and_command(tmp_path):
    root = tmp_path / 'configs'
    (root / 'mpii').mkdir(parents=True)
    (root / 'mpii/Tiny_mpii.py').write_text(f'model = {plain_config(16, "mpii")!r}')
    (root / 'mpii/Tiny_coco.py').write_text(f'model = {plain_config()!r}')
    path = save(plain_model(16, 'mpii').state_dict(), tmp_path / 'x.pth', optimizer={}, meta={})

    text = inspect_checkpoint(path, config_root=root)

    assert 'format: pose model of this package' in text
    assert 'also holds: optimizer' in text
    assert 'embed_dim 128, depth 2, mlp_ratio 4; 2 attention heads, a guess' in text
    assert 'input: 64x48 (height x width), position grid 4x3, patches of 16' in text
    assert 'head: 16 heatmaps, classic decoder (deconvolutions of 16, 16)' in text
    assert text.endswith(f'test:\n  python tools/test.py configs/mpii/Tiny_mpii.py {path}')
    assert 'Tiny_coco' not in text


def test_inspection_of_the_released_sizes_finds_their_config(tmp_path):
    """ViTPose-S of AP-10K by its file name, though COCO has as many keypoints."""
    from mmengine.config import Config

    from mmpose.registry import MODELS

    configs = ROOT / 'configs/animal/2d_kpt_sview_rgb_img/topdown_heatmap/ap10k'
    cfg = Config.fromfile(configs / 'ViTPose_small_ap10k_256x192.py').model
    cfg.head.deconv_out_channels, cfg.head.deconv_kernel_sizes = (), ()
    cfg.head.upsample, cfg.head.final_layer.kernel_size = 4, 3
    path = save(as_published(MODELS.build(cfg).state_dict()), tmp_path / 'vitpose_s.pth')

    text = inspect_checkpoint(path)

    simple = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/coco/ViTPose_small_simple_coco'
    assert f'config: {simple}_256x192.py' in text
    assert '(ViTPose small); 12 attention heads' in text


def test_inspection_of_several_datasets_and_of_backbones(tmp_path):
    model = published()
    text = inspect_checkpoint(save(model.state_dict(), tmp_path / 'a.pth'), config_root=tmp_path)
    assert f'experts: 6 of part_features {PART}' in text
    assert 'head 5: 133 heatmaps' in text
    assert f'python tools/model_split.py --source {tmp_path / "a.pth"}' in text

    backbone = dict(plain_model().backbone.state_dict(), cls_token=torch.zeros(1, 1, DIM))
    backbone = {k: x for k, x in backbone.items() if not k.startswith('last_norm')}
    backbone['pos_embed'] = torch.zeros(1, 197, DIM)
    text = inspect_checkpoint(save(backbone, tmp_path / 'b.pth'), config_root=tmp_path)
    assert 'format: MAE or timm ViT' in text
    assert f'--cfg-options model.pretrained={tmp_path / "b.pth"}' in text

    text = inspect_checkpoint(save({'a.weight': torch.zeros(1)}, tmp_path / 'c.pth'))
    assert text.endswith("model: unknown; its weights are 'a.weight'")


def test_recorded_config_is_read_and_not_executed(tmp_path):
    touched = tmp_path / 'touched'
    text = f'import os\nos.system("touch {touched}")\nmodel = dict(backbone=dict(num_heads=8))\n'
    path = save(plain_state(), tmp_path / 'x.pth', meta={'cfg': text})

    assert '; 8 attention heads\n' in inspect_checkpoint(path, config_root=tmp_path)
    assert not touched.exists()


def run_checkpoint(folder):
    """As a run with an EMAHook saves it: averaged weights under state_dict."""
    averaged, trained = plain_state(), draw(plain_model(), seed=7).state_dict()
    swapped = {f'module.{name}': x for name, x in trained.items()} | {'steps': torch.tensor(3)}
    log = folder / '20260101/vis_data'
    log.mkdir(parents=True)
    (log / 'scalars.json').write_text(
        '{"loss": 0.1, "step": 2}\n{"coco/AP": 0.7583, "step": 2}\n{"coco/AP": 0.5, "step": 1}\n'
    )
    (folder / '20260101/environment.txt').write_text('seed: 1\ngit: abc123\n')
    meta = dict(epoch=2, iter=4, cfg='model = dict()', dataset_meta='coco', ranks=1)
    path = save(
        averaged,
        folder / 'epoch_2.pth',
        meta=meta,
        ema_state_dict=swapped,
        optimizer={'state': {}},
        param_schedulers=[{'a': 1}],
        message_hub={},
    )
    return path, averaged, trained


@pytest.mark.parametrize(('ema', 'is_averaged'), [(None, True), (True, True), (False, False)])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_publication(tmp_path, suffix, ema, is_averaged):
    path, averaged, trained = run_checkpoint(tmp_path)
    config = tmp_path / 'config.py'
    config.write_text(
        "train_dataloader = dict(dataset=dict(type='CocoDataset', ann_file='a.json'))"
    )

    done = publish_checkpoint(path, tmp_path / f'out/pose{suffix}', ema, config=str(config))

    assert done.weights.name == f'pose-{done.sha256[:8]}{suffix}'
    assert sorted(x.name for x in done.weights.parent.iterdir()) == sorted(
        [done.weights.name, done.card.name]
    )
    assert done.left_out == ('ema_state_dict', 'optimizer', 'param_schedulers', 'message_hub')
    content = read_checkpoint(done.weights)
    if suffix == '.pth':
        assert content.keys() == {'state_dict', 'meta'}
        assert content['meta']['epoch'] == 2
        assert 'ranks' not in content['meta']
        content = content['state_dict']
    assert_same(content, averaged if is_averaged else trained)
    load_model(plain_model(), done.weights)
    card = done.card.read_text()
    for row in (
        f'| config | {config} |',
        '| a.json | unknown | not recorded |',
        '| coco/AP | 0.7583 |',
        '| commit | abc123 |',
        '| licence | Apache-2.0 |',
        f'| sha256 | {done.sha256} |',
        f'| weights | {"averaged (EMA)" if is_averaged else "as trained"} |',
    ):
        assert row in card


def test_publication_leaves_nothing_where_it_is_refused(tmp_path):
    path, _, _ = run_checkpoint(tmp_path)
    done = publish_checkpoint(path, tmp_path / 'out/pose.pth')
    done.card.write_text('by hand')
    with pytest.raises(FileExistsError, match='no command of this project has made it'):
        publish_checkpoint(path, tmp_path / 'out/pose.pth')
    assert {x.name for x in (tmp_path / 'out').iterdir()} == {done.weights.name, done.card.name}
    assert publish_checkpoint(path, tmp_path / 'other.pth').sha256 == done.sha256


def test_publication_of_weights_alone(tmp_path):
    path = tmp_path / 'x.pth'
    torch.save(plain_state(), path)
    (tmp_path / 'config.py').write_text('import nothing')  # of nobody's run
    card = dict(metric='AP 1', licence='MIT', commit='c')
    done = publish_checkpoint(path, tmp_path / 'y.pth', **card)
    assert done.left_out == ()
    assert '| metric | AP 1 |' in done.card.read_text()
    assert '| config | not recorded |' in done.card.read_text()
    with pytest.raises(ValueError, match='has no averaged weights'):
        publish_checkpoint(path, tmp_path / 'y.pth', ema=True, **card)
    with pytest.raises(ValueError, match=r"y\.bin' names no weights"):
        publish_checkpoint(path, tmp_path / 'y.bin', **card)


def test_publication_in_a_folder(tmp_path):
    pytest.importorskip('safetensors', reason='safetensors is not installed')
    path, averaged, trained = run_checkpoint(tmp_path)
    message = r"no config\.py of a run beside '.*epoch_2\.pth'; give --config"
    with pytest.raises(ValueError, match=message):
        publish_checkpoint(path, tmp_path / 'out')
    Config(dict(model=plain_config(), work_dir='x')).dump(str(tmp_path / 'config.py'))
    for ema, state in ((None, averaged), (False, trained)):
        done = publish_checkpoint(path, tmp_path / 'out', ema, dataset='own', licence='MIT')
        assert done.weights == tmp_path / 'out/model.safetensors'
        assert_same(read_checkpoint(done.weights), state)
        load_model(plain_model(), tmp_path / 'out')
    card = done.card.read_text()
    for row in (
        'license: "mit"',
        '| commit | abc123 |',
        '| own | unknown |',
        '| coco/AP | 0.7583 |',
    ):
        assert row in card
    with pytest.raises(ValueError, match='or to be a folder, whose name has no dot'):
        publish_checkpoint(path, tmp_path / 'out-1.0')


class Unsafe:
    """Runs code when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


@pytest.mark.parametrize(('tool', 'words'), TOOLS.items())
def test_no_tool_runs_code_of_a_file(tmp_path, run_tool, tool, words):
    touched, path = tmp_path / 'touched', tmp_path / 'x.pth'
    torch.save({'state_dict': {'a': Unsafe(touched)}}, path)

    status, _, errors = run_tool(tool, *(word.format(path) for word in words))

    assert status == 1
    assert errors.startswith('error: ')
    assert 'which could run code when read' in errors
    assert not touched.exists()
    assert [x.name for x in tmp_path.iterdir()] == ['x.pth']


def test_commands_print_what_they_did(tmp_path, run_tool):
    model = published(num_experts=3, widths=WIDTHS[:3], wide=True)
    path = save(model.state_dict(), tmp_path / 'x.pth')

    status, output, _ = run_tool('model_split.py', '--source', path)
    assert status == 0
    assert f'aic: {tmp_path / "aic.pth"}' in output
    assert 'ViTPose+ model with experts, sha256 ' in output

    status, output, _ = run_tool('convert_checkpoint.py', 'mpii.pth', 'm', '--to', 'huggingface')
    assert status == 0
    assert output.splitlines()[-1] == 'largest difference of the heatmaps: 0'

    status, output, _ = run_tool('inspect_checkpoint.py', 'm')
    assert status == 0
    assert 'format: Hugging Face VitPose\n' in output

    status, output, _ = run_tool('publish_model.py', 'aic.pth', 'aic_published.pth')
    assert status == 0
    assert re.search(r'weights: aic_published-[0-9a-f]{8}\.pth\nsha256: ', output)
