"""The hub: what is uploaded comes back the same, from a process that knows nothing of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmpose.apis import PoseInferencer, init_model
from mmpose.checkpoints.load import load_model
from mmpose.checkpoints.model_card import LICENCES, training_data
from mmpose.config.load import load_config
from mmpose.config.names import CONFIGS
from mmpose.metainfo import available_metainfo, load_metainfo
from mmpose.metainfo.info_dict import meta_table
from tests.checkpoint_tools.checkpoint_files import NAMES, WIDTHS, draw, plain_config, plain_model
from tests.checkpoint_tools.checkpoint_files import multi_head_model as multi_head
from tests.checkpoints.hub_server import serve

pytest.importorskip('huggingface_hub', reason='huggingface_hub is not installed')
pytest.importorskip('safetensors', reason='safetensors is not installed')

ROOT = Path(__file__).parents[2]
IMAGE = np.random.default_rng(0).integers(0, 255, (70, 60, 3), np.uint8)
STEPS = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.4),
    dict(type='TopdownAffine', input_size=(48, 64), fix_aspect=False),
]
FILES = ['README.md', 'config.json', 'model.safetensors']
FRESH = """
import sys, numpy as np
from mmpose.apis import PoseInferencer
image = np.random.default_rng(0).integers(0, 255, (70, 60, 3), np.uint8)
inferencer = PoseInferencer.from_pretrained('org/tiny', detector='whole-image', device='cpu')
np.save(sys.argv[1], next(iter(inferencer([image]))).poses[0].keypoints)
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """A config file with crops that nobody would guess, and weights beside it."""
    folder = tmp_path_factory.mktemp('model')
    data = dict(type='CocoDataset', data_root='/home/me/coco/', pipeline=STEPS)
    train = dict(data, ann_file='annotations/person_keypoints_train2017.json')
    cfg = dict(
        model=plain_config(),
        train_dataloader=dict(dataset=train),
        val_dataloader=dict(dataset=data),
        work_dir='/home/me/secret',
    )
    Config(cfg).dump(str(folder / 'config.py'))
    torch.save({'state_dict': plain_model().state_dict()}, folder / 'epoch_1.pth')
    return folder


@pytest.fixture
def inferencer(config):
    return load(config / 'config.py', config / 'epoch_1.pth')


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serve(tmp_path, monkeypatch) as httpd:
        yield httpd


def load(*names, **options):
    return PoseInferencer(*map(str, names), detector='whole-image', device='cpu', **options)


def fetch(name, **options):
    return PoseInferencer.from_pretrained(name, detector='whole-image', device='cpu', **options)


def keypoints(inferencer):
    return next(iter(inferencer([IMAGE]))).poses[0].keypoints


def test_what_is_pushed_comes_back_in_a_fresh_process(server, inferencer, tmp_path):
    """Also without the network, once it was there."""
    address = inferencer.push_to_hub('org/tiny', private=True, metrics={'coco/AP': 0.758})
    assert re.fullmatch(f'{server.address}/org/tiny/commit/[0-9a-f]{{40}}', address)
    assert server.repos['org/tiny']['visibility'] == 'private'
    uploaded = sorted(name for name in server.files if name.startswith('/org/tiny/'))
    assert uploaded == [f'/org/tiny/{name}' for name in FILES]

    shutil.rmtree(tmp_path / 'hf_home', ignore_errors=True)
    for endpoint in (server.address, 'http://127.0.0.1:1'):
        environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'HF_ENDPOINT': endpoint}
        command = [sys.executable, '-c', FRESH, str(tmp_path / 'found.npy')]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
        np.testing.assert_array_equal(np.load(tmp_path / 'found.npy'), keypoints(inferencer))


def test_what_is_uploaded_says_what_a_model_card_says(server, inferencer):
    inferencer.push_to_hub('org/tiny', metrics={'coco/AP': 0.758}, licence='CC-BY-4.0')
    from huggingface_hub import ModelCard

    text = server.files['/org/tiny/README.md'].decode()
    header = ModelCard(text).data
    assert (header.license, header.datasets) == ('cc-by-4.0', ['coco'])
    [result] = header.eval_results
    assert (result.metric_name, result.metric_value) == ('coco/AP', 0.758)
    assert '| coco | annotations CC BY 4.0; images are from Flickr' in text
    assert "from_pretrained('org/tiny')" in text
    config = json.loads(server.files['/org/tiny/config.json'])
    assert '/home/me' not in json.dumps(config)
    assert config['train_dataloader']['dataset']['data_root'] == 'coco'
    head = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=ROOT, capture_output=True, text=True)
    assert config['commit'] == (head.stdout.strip() or None)
    assert f'| commit of the code that saved it | {config["commit"] or "not recorded"} |' in text


def test_revisions_and_newer_commits(server, config, inferencer):
    first = keypoints(inferencer)
    inferencer.push_to_hub('org/tiny')
    np.testing.assert_array_equal(keypoints(fetch('org/tiny')), first)
    model = init_model(config / 'config.py', config / 'epoch_1.pth')
    draw(model, seed=5)
    model.push_to_hub('org/tiny', revision='dev')
    second = keypoints(fetch('org/tiny', revision='dev'))
    assert (second != first).any()
    np.testing.assert_array_equal(keypoints(load('hf://org/tiny@dev')), second)
    np.testing.assert_array_equal(keypoints(fetch('org/tiny')), first)
    model.push_to_hub('org/tiny', commit_message='better')
    np.testing.assert_array_equal(keypoints(fetch('org/tiny')), second)


def test_a_training_may_start_from_it(server, inferencer):
    inferencer.push_to_hub('org/tiny')
    model = plain_model()
    draw(model, seed=8)
    report = load_model(model, 'hf://org/tiny')
    assert report.missing == ()
    assert model.state_dict().keys() == inferencer._network().state_dict().keys()
    for name, tensor in inferencer._network().state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_a_run_is_published_and_used_by_commands(server, config, tmp_path):
    def pose(*arguments):
        environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        command = [sys.executable, '-m', 'mmpose', *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    checkpoint = config / 'epoch_1.pth'
    state, text = pose('publish', checkpoint, '--push-to-hub', 'org/run', '--metric', 'AP 71.3')
    assert state == 0, text
    assert f'weights: {server.address}/org/run/commit/' in text
    card = server.files['/org/run/README.md'].decode()
    for row in ('| metric | AP 71.3 |', '| commit | not recorded |', '| coco | annotations CC BY'):
        assert row in card
    assert cv2.imwrite(str(tmp_path / 'a.png'), IMAGE)
    arguments = ('infer', 'a.png', '--model', 'hf://org/run', '--det', 'whole-image', '--save-json')
    state, text = pose(*arguments, '--out', 'found')
    assert state == 0, text
    assert '1 poses in 1 frames' in text

    state, text = pose('publish', checkpoint, 'x.pth', '--push-to-hub', 'org/run')
    assert (state, 'omit x.pth, or name a folder' in text) == (2, True)
    state, text = pose('infer', 'a.png', '--model', 'hf://org/none', '--det', 'whole-image')
    assert state == 1
    assert "error: 'hf://org/none' cannot be downloaded: there is no such model" in text


def test_a_folder_is_a_model(inferencer, tmp_path):
    folder = inferencer.save_pretrained(tmp_path / 'mine')
    assert sorted(path.name for path in folder.iterdir()) == FILES
    again = fetch(folder)
    np.testing.assert_array_equal(keypoints(again), keypoints(inferencer))
    np.testing.assert_array_equal(keypoints(load(folder)), keypoints(inferencer))
    again.save_pretrained(folder)  # over what was made here
    backend = fetch(folder).predictor.backend
    assert (backend.padding, backend.stretch, backend.use_udp) == (1.4, True, False)
    with pytest.raises(ValueError, match=r'is a folder here, which has no revision'):
        fetch(folder, revision='main')


@pytest.mark.parametrize('name', FILES)
def test_files_of_others_are_left_alone(inferencer, tmp_path, name):
    (tmp_path / name).write_text('mine')
    with pytest.raises(FileExistsError, match=rf"{name}' exists, and no command of this project"):
        inferencer.save_pretrained(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ['mine']
    with pytest.raises(FileExistsError, match='is a file, but a model is saved to a folder'):
        inferencer.save_pretrained(tmp_path / name)


def test_own_skeletons_go_along(config, tmp_path):
    table = tmp_path / 'mine.csv'
    table.write_text(meta_table(load_metainfo('coco'), '# mine').replace('nose', 'snout'))
    model = init_model(config / 'config.py', config / 'epoch_1.pth')
    model = init_model(
        config / 'config.py', config / 'epoch_1.pth', cfg_options={'model.metainfo': str(table)}
    )
    folder = model.save_pretrained(tmp_path / 'out')
    table.unlink()
    assert fetch(folder).dataset_meta.keypoint_names[0] == 'snout'


@pytest.mark.parametrize('name', available_metainfo())
def test_skeletons_are_the_same_from_their_tables(name):
    meta = load_metainfo(name)
    again = load_metainfo(dict(dataset_name=name, table=meta_table(meta, '')))
    for key, value in vars(meta).items():
        np.testing.assert_array_equal(getattr(again, key), value, err_msg=key)


def test_one_head_of_several_is_a_model(tmp_path):
    model = multi_head(num_expert=6)
    datasets = [dict(pipeline=STEPS if i == 2 else None) for i in range(6)]
    model.cfg = Config(dict(val_dataloader=dict(dataset=dict(datasets=datasets))))
    folder = model.save_pretrained(tmp_path / 'all')
    single = fetch(folder, dataset='data2')
    assert single.predictor.backend.stretch
    assert keypoints(single).shape == (WIDTHS[NAMES.index('mpii')], 2)
    alone = fetch(single.save_pretrained(tmp_path / 'one'))
    np.testing.assert_array_equal(keypoints(alone), keypoints(single))


REFUSED = {
    'a program': (dict(head=dict(type='os.system', command='x')), 'needs os.system, which nothing'),
    'a scope': (dict(backbone=dict(type='ViT', _scope_='evil')), 'needs evil, which nothing'),
    'a plugin': (dict(backbone=dict(type='TheirNet')), r'needs TheirNet, .*docs/extending\.md'),
    'a value': (dict(backbone=dict(type='ViT', depth='x')), 'describes no model that can be built'),
    'no parts': (dict(type='TopdownPoseEstimator', backbone=None), 'describes no model that can'),
    'a skeleton': (dict(metainfo='nobody'), "no skeleton 'nobody'"),
}


@pytest.mark.parametrize(('changes', 'message'), REFUSED.values(), ids=REFUSED)
def test_a_config_of_others_builds_models_only(inferencer, tmp_path, changes, message):
    folder = inferencer.save_pretrained(tmp_path / 'x')
    config = json.loads((folder / 'config.json').read_text())
    config['model'] |= changes
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        fetch(folder)


def test_a_config_without_a_model_is_one_sentence(inferencer, tmp_path):
    folder = inferencer.save_pretrained(tmp_path / 'x')
    (folder / 'config.json').write_text('{"mmpose_version": "1", "model": [1]}')
    with pytest.raises(ValueError, match=r"config\.json' holds no model; save it again"):
        fetch(folder)
    (folder / 'config.json').write_text('{"model_type": "bert"}')
    with pytest.raises(FileNotFoundError, match=r'and no config\.json of save_pretrained'):
        fetch(folder)


HUB_REFUSALS = {
    'no model': ({}, 'there is no such model, or it is private; a token is given by'),
    'no branch': ({}, 'it has no such branch, tag or commit'),
    'no token': ({'token': 'good'}, 'there is no such model, or it is private; a token is'),
    'gated': ({'token': 'good', 'gated': True}, 'its owner gives access on request'),
}


@pytest.mark.parametrize(('changes', 'message'), HUB_REFUSALS.values(), ids=HUB_REFUSALS)
def test_a_model_that_is_not_given(server, changes, message):
    server.changes = changes
    name = 'org/none@v2' if 'branch' in message else 'org/none'
    server.files |= {'/org/none/config.json': b'{}'} if '@' in name else {}
    with pytest.raises(ValueError, match=f"^'hf://{name}' cannot be downloaded: {message}"):
        fetch(name)


def test_a_token_opens_a_private_model(server, inferencer):
    server.changes['token'] = 'good'
    message = "^'org/tiny' cannot be uploaded: the hub wants a valid token"
    with pytest.raises(ValueError, match=message):
        inferencer.push_to_hub('org/tiny')
    inferencer.push_to_hub('org/tiny', token='good')
    np.testing.assert_array_equal(keypoints(fetch('org/tiny', token='good')), keypoints(inferencer))


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('org/tiny', {'forbidden': True}, 'the token does not allow this'),
        ('a b', {}, 'Repo id must use alphanumeric'),
        ('org/tiny', None, 'Connection refused'),
    ],
)
def test_what_cannot_be_uploaded(server, monkeypatch, inferencer, name, change, message):
    server.changes = change or {}
    if change is None:
        monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:1')
    with pytest.raises(ValueError, match=f"^'{name}' cannot be uploaded: .*{message}") as info:
        inferencer.push_to_hub(name)
    assert '\n' not in str(info.value)


def test_repositories_of_others(server):
    server.files |= {'/org/theirs/config.json': b'{"model_type": "bert"}'}
    with pytest.raises(ValueError, match=r'it does not have these files: config\.json, model\.saf'):
        fetch('org/theirs')
    server.files |= {'/org/theirs/model.safetensors': b'x'}
    message = r"'hf://org/theirs' was not uploaded by mmpose, .* give the config of its model"
    with pytest.raises(ValueError, match=message):
        fetch('org/theirs')


def test_names_of_published_models_stay_names(server):
    with pytest.raises(
        ValueError, match=r"'hf://usyd-community/vitpose-base' cannot be downloaded"
    ):
        fetch('usyd-community/vitpose-base')


def test_an_exported_model_is_no_folder(tmp_path, inferencer):
    inferencer.predictor.backend = SimpleNamespace(predict=None)
    with pytest.raises(ValueError, match='an exported model is one file, to be copied'):
        inferencer.save_pretrained(tmp_path)


def test_a_model_that_knows_no_config_is_told(tmp_path):
    with pytest.raises(ValueError, match='load it with init_model, or set model'):
        plain_model().save_pretrained(tmp_path)
    model = plain_model()
    model.init_args['head']['prompts'] = __file__
    model.cfg = dict(work_dir='x', val_pipeline=STEPS)
    with pytest.raises(ValueError, match=r'model.head.prompts is the file .* of this machine'):
        model.save_pretrained(tmp_path)


@pytest.mark.parametrize('package', ['huggingface_hub', 'safetensors'])
def test_missing_packages_are_named(inferencer, tmp_path, monkeypatch, package):
    for name in (package, f'{package}.torch'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f'pip install {package}$'):
        inferencer.push_to_hub('org/tiny')
    if package == 'safetensors':
        with pytest.raises(ImportError, match=r"model\..*part' needs safetensors"):
            inferencer.save_pretrained(tmp_path / 'x')
    assert not list(tmp_path.rglob('*.part'))


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('_base_/data/*.py')), ids=lambda x: x.stem)
def test_the_licence_of_each_dataset_is_that_of_its_page(path):
    cfg = Config.fromfile(path)
    if 'train_dataloader' not in cfg or 'ann_file' not in cfg.train_dataloader.get('dataset', {}):
        return
    [data] = training_data(cfg)
    expected = {'ochuman': 'coco', 'toy': 'person_keypoints_train2017.json'}
    assert data.name == expected.get(path.stem, path.stem)
    if path.stem == 'toy':
        assert data.licence == 'unknown'
        return
    page = (ROOT / f'docs/datasets/{data.name}.md').read_text().replace('**', '')
    assert f'| licence | {data.licence} |' in page
    assert data.source in page


def test_mixtures_have_the_licence_of_each_part():
    plus = next(CONFIGS.rglob('vitPose+_small*.py'))
    names = [data.name for data in training_data(load_config(plus, check=False))]
    assert names == ['coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'coco_wholebody']
    assert len(LICENCES.read_text().splitlines()) == 12
