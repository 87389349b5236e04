"""What a model may be called, and that what is loaded computes what was published."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

import mmpose
from mmpose.apis import PoseInferencer, inference_topdown, init_model
from mmpose.apis.inference import load_backend
from mmpose.backends.crop_rule import CropRule
from mmpose.backends.model_names import find_model
from mmpose.checkpoint_tools.convert_file import convert_checkpoint
from mmpose.config.names import CONFIGS, model_names
from tests.checkpoint_tools.checkpoint_files import (
    BACKBONE,
    NAMES,
    PART,
    SKELETONS,
    WIDTHS,
    Published,
    draw,
    head_config,
    plain_config,
    plain_model,
)
from tests.checkpoints.hub_server import serve

IMAGE = np.random.default_rng(0).integers(0, 255, (70, 60, 3), np.uint8)
TOPDOWN = '2d_kpt_sview_rgb_img/topdown_heatmap'


def pipeline(padding=1.25, fix_aspect=True, more=()):
    steps = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=padding), *more]
    steps += [dict(type='TopdownAffine', input_size=(48, 64), fix_aspect=fix_aspect)]
    return dict(dataset=dict(pipeline=steps))


def plus_config():
    backbone = dict(type='ViTMoE', **BACKBONE, num_expert=6, part_features=PART)
    heads = [head_config(width, wide=True) for width in WIDTHS]
    model = dict(
        type='MultiHeadPoseEstimator',
        backbone=backbone,
        heads=heads,
        metainfo=list(SKELETONS),
        names=list(NAMES),
        flip_test=False,
    )
    parts = [pipeline(fix_aspect=name != 'mpii')['dataset'] for name in NAMES]
    return Config(dict(model=model, val_dataloader=dict(dataset=dict(datasets=parts))))


@pytest.fixture(scope='module')
def plus(tmp_path_factory):
    """A model as ViTPose+ was published, and its file."""
    model = draw(Published(wide=True)).eval()
    path = tmp_path_factory.mktemp('plus') / 'vitpose+.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return model, path


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """A config file and a checkpoint of a model with one head."""
    folder = tmp_path_factory.mktemp('plain')
    torch.save({'state_dict': plain_model(wide=True).state_dict()}, folder / 'epoch_1.pth')
    cfg = Config(dict(model=plain_config(wide=True), val_dataloader=pipeline()))
    cfg.dump(str(folder / 'config.py'))
    return folder


@pytest.mark.parametrize('name', [None, 'mpii', 'ap10k', 'wholebody'])
def test_each_head_of_vitpose_plus_computes_what_was_published(plus, name):
    published, path = plus
    index = NAMES.index(name) if name else 0
    model = init_model(plus_config(), path, dataset=name)
    images = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        torch.testing.assert_close(
            model.predict_output(images), published(images, index), rtol=1e-4, atol=1e-5
        )
    assert type(model.backbone).__name__ == 'ViT'
    assert model.backend.stretch == (name == 'mpii')
    [pose] = inference_topdown(model, IMAGE)
    assert pose.keypoints.shape == (WIDTHS[index], 2)


def test_the_hub_has_one_head_of_vitpose_plus(plus, tmp_path):
    published, path = plus
    convert_checkpoint(path, tmp_path / 'hf', 'huggingface')
    model = init_model(plus_config(), tmp_path / 'hf')
    images = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        torch.testing.assert_close(
            model.predict_output(images), published(images, 0), rtol=1e-4, atol=1e-5
        )
    with pytest.raises(ValueError, match=r"one dataset only, .* not that of 'ap10k'"):
        init_model(plus_config(), tmp_path / 'hf', dataset='ap10k')


def test_a_model_of_the_hub_is_downloaded_once(plain, tmp_path, monkeypatch):
    pytest.importorskip('huggingface_hub', reason='huggingface_hub is not installed')
    convert_checkpoint(plain / 'epoch_1.pth', tmp_path / 'tiny', 'huggingface')
    with serve(tmp_path, monkeypatch) as server:
        for file in (tmp_path / 'tiny').iterdir():
            server.files[f'/org/tiny/{file.name}'] = file.read_bytes()
        for _ in range(2):
            backend = load_backend(plain / 'config.py', 'hf://org/tiny')
        fetched = [path for method, path, _ in server.requests if method == 'GET']
    assert fetched == ['/cdn/org/tiny/config.json', '/cdn/org/tiny/model.safetensors']
    crops = torch.randint(0, 255, (1, 3, 64, 48), dtype=torch.uint8)
    expected = load_backend(plain / 'config.py', plain / 'epoch_1.pth').predict(crops, True)
    torch.testing.assert_close(backend.predict(crops, True).heatmaps, expected.heatmaps)


def test_without_a_network_and_a_checkpoint_there_is_one_sentence(monkeypatch, tmp_path):
    pytest.importorskip('huggingface_hub', reason='huggingface_hub is not installed')
    with serve(tmp_path, monkeypatch):  # for empty caches
        monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:1')
        message = r"cannot be downloaded: .*weights of 'vitpose-b' as the"
        with pytest.raises(ValueError, match=message):
            PoseInferencer('vitpose-b', detector='whole-image')


def test_random_weights_are_said_loudly(plain):
    with pytest.warns(UserWarning, match='RANDOM WEIGHTS'):
        init_model(plain / 'config.py')


def test_precision_size_and_flip_test_are_arguments(plain):
    def poses(**options):
        model = init_model(plain / 'config.py', plain / 'epoch_1.pth', **options)
        return model, inference_topdown(model, IMAGE, with_heatmaps=True)[0]

    _, usual = poses()
    _, again = poses(dtype='float32', input_size=(48, 64), flip_test=True)
    np.testing.assert_array_equal(again.heatmaps, usual.heatmaps)
    _, mixed = poses(dtype='bfloat16')
    gap = np.abs(mixed.heatmaps - usual.heatmaps).max() / np.abs(usual.heatmaps).max()
    assert 0 < gap < 0.05  # three digits of bfloat16 through a few layers
    _, single = poses(flip_test=False)
    assert np.abs(single.heatmaps - usual.heatmaps).max() > 0
    model, large = poses(input_size=(96, 128))
    assert large.heatmaps.shape == (17, 32, 24)
    assert model.head.decoder.heatmap_size == (24, 32)
    assert large.window.input_size == model.backend.input_size == (96, 128)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(dtype='float16'), 'float16 needs a GPU'),
        (dict(dtype='int3'), "dtype is 'int3', expected one of"),
        (dict(device='cuda:77'), "device is 'cuda:77', which is not there"),
        (dict(device='toaster'), "device is 'toaster', which is not there"),
        (dict(input_size=(50, 64)), '50x64 px .* expected multiples of the patch size 16'),
        (dict(dataset='ap10k'), 'chooses a head, but the model has only one'),
        (dict(cfg_options={'model.metainfo': 'mpii'}), "17 keypoints but 'mpii' has 16"),
    ],
)
def test_bad_options(plain, options, words):
    with pytest.raises(ValueError, match=words):
        init_model(plain / 'config.py', plain / 'epoch_1.pth', **options)


@pytest.mark.parametrize(
    ('config', 'dataset', 'expected'),
    [
        (f'body/{TOPDOWN}/coco/ViTPose_base_coco_256x192.py', None, CropRule(1.25, False)),
        (f'body/{TOPDOWN}/mpii/ViTPose_base_mpii_256x192.py', None, CropRule(1.25, True)),
        (
            f'hand/{TOPDOWN}/interhand2d/ViTPose_base_interhand2d_all_256x192.py',
            None,
            CropRule(1.5, False),
        ),
        (model_names()['vitpose+-b'][0], 'mpii', CropRule(1.25, True)),
        (model_names()['vitpose+-b'][0], 'ap10k', CropRule(1.25, False)),
    ],
)
def test_crops_are_cut_as_the_config_says(config, dataset, expected):
    assert CropRule.from_config(Config.fromfile(CONFIGS / config), dataset) == expected


def test_crops_of_another_pipeline_are_refused():
    cfg = Config(dict(model={}, val_dataloader=pipeline(more=[dict(type='Sharpen')])))
    with pytest.raises(ValueError, match=r'the val pipeline of the config has .*Sharpen'):
        CropRule.from_config(cfg)


def test_every_name_has_its_config():
    names = model_names()
    assert [name for name, (config, _) in names.items() if not (CONFIGS / config).is_file()] == []
    datasets = {dataset for config, dataset in names.values() if 'vitPose+' in config}
    assert datasets <= set(Config.fromfile(CONFIGS / names['vitpose+-s'][0]).model.names)
    assert {dataset for config, dataset in names.values() if 'vitPose+' not in config} == {None}


@pytest.mark.parametrize(
    ('model', 'dataset', 'checkpoint', 'expected'),
    [
        ('vitpose-b', None, None, 'hf://usyd-community/vitpose-base'),
        ('ViTPose_Base', None, None, 'hf://usyd-community/vitpose-base'),
        ('human', None, None, 'hf://usyd-community/vitpose-base'),
        ('vitpose-base-simple', None, None, 'hf://usyd-community/vitpose-base-simple'),
        ('vitpose+-h', None, None, 'hf://usyd-community/vitpose-plus-huge'),
        ('usyd-community/vitpose-plus-small', None, None, 'hf://usyd-community/vitpose-plus-small'),
        ('vitpose-s', None, 'mine.pth', 'mine.pth'),
        ('animal', None, 'mine.pth', 'mine.pth'),
        ('vitpose+-b', 'mpii', 'mine.pth', 'mine.pth'),
    ],
)
def test_names(model, dataset, checkpoint, expected):
    source = find_model(model, checkpoint, dataset)
    assert source.checkpoint == expected
    assert source.config.is_file()
    wanted = {'animal': 'ap10k', 'vitpose+-b': 'mpii'}.get(model)
    assert source.dataset == wanted or '+' in source.config.name


@pytest.mark.parametrize(
    ('model', 'checkpoint', 'error', 'words'),
    [
        ('vitpos-b', None, ValueError, "no model 'vitpos-b'; did you mean 'vitpose-b'"),
        ('vitpose-s', None, ValueError, "'vitpose-s' cannot be downloaded by name"),
        ('animal', None, ValueError, "'animal' for 'ap10k' cannot be downloaded by name"),
        ('nothing.py', None, FileNotFoundError, 'config file nothing.py does not exist'),
        ('{}/epoch_1.pth', None, ValueError, 'give the config of a checkpoint before it'),
        ('m.onnx', 'a.pth', ValueError, "'m.onnx' holds its weights"),
        ('{}/..', None, FileNotFoundError, r'has no config\.py'),
    ],
)
def test_bad_names(plain, model, checkpoint, error, words):
    with pytest.raises(error, match=words):
        find_model(model.format(plain), checkpoint)


def test_a_work_dir_gives_its_best_or_its_last_checkpoint(plain, tmp_path):
    (tmp_path / 'config.py').write_bytes((plain / 'config.py').read_bytes())
    with pytest.raises(FileNotFoundError, match='has no checkpoint yet'):
        find_model(tmp_path)
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    assert find_model(tmp_path).checkpoint == str(tmp_path / 'epoch_1.pth')
    (tmp_path / 'best_coco_AP_epoch_1.pth').write_bytes(b'')
    assert find_model(tmp_path).checkpoint == str(tmp_path / 'best_coco_AP_epoch_1.pth')
    assert find_model(tmp_path, 'other.pth').checkpoint == 'other.pth'


def test_what_an_exported_model_settles_is_no_option():
    with pytest.raises(ValueError, match=r'flip_test, input_size of an exported model is settled'):
        load_backend('model.onnx', flip_test=True, input_size=(48, 64))


def test_a_name_enters_at_most_ten_files_on_its_way_to_a_network(tmp_path):
    config, weights = tmp_path / 'tiny.py', tmp_path / 'tiny.pth'
    Config(dict(model=plain_config(), val_dataloader=pipeline())).dump(str(config))
    torch.save({'state_dict': plain_model().state_dict()}, weights)
    package, entered = Path(mmpose.__file__).parent, set()

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == 'call' and path.is_relative_to(package):
            values = [x for x in frame.f_locals.values() if isinstance(x, (str, Path))]
            entered.update([path] if {str(config), str(weights)} & {*map(str, values)} else [])

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        PoseInferencer(str(config), str(weights), detector='whole-image')
    finally:
        sys.setprofile(before)
    assert package / 'backends/load.py' in entered
    assert len(entered) <= 10, sorted(entered)
