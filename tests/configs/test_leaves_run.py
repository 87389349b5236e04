"""Every leaf config trains, validates and tests, with a tiny network on generated data.

Those of several datasets, of PGVL, and the small ones of VLPose resume too.
"""

import math

import pytest
import torch
from test_configs import LEAVES, name_of

from mmpose.apis import load_config
from mmpose.apis.test import prepare_test, run_test
from mmpose.apis.train import prepare_training, run_training
from mmpose.registry import MODELS
from tests.end_to_end.plain_config_texts import OWNER, format_plainly
from toy_pose import ToySpec, generate_toy_dataset

# data root below data/: format; where two datasets share a folder, the one that holds both
FORMATS = {
    'toy': 'coco',
    'coco': 'coco_wholebody',
    'mpii': 'mpii',
    'aic': 'aic',
    'crowdpose': 'crowdpose',
    'ochuman': 'ochuman',
    '': 'humanart',
    'ap10k': 'ap10k',
    'apt36k': 'apt36k',
    'animalpose': 'animalpose',
    'interhand2.6m': 'interhand2d',
}
TINY = {
    'model.backbone.embed_dim': 24,
    'model.backbone.depth': 1,
    'model.backbone.num_heads': 2,
    'model.pretrained': None,
    'model.pretrained_metainfo': None,
    'default_hooks.preview.interval': 0,
    'default_hooks.bad_cases.num_worst': 1,  # of each group a picture, which takes longest here
    'default_hooks.bad_cases.num_random': 1,
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'train_dataloader.batch_size': 4,
    **{
        f'{phase}_dataloader.{key}': value
        for phase in ('train', 'val', 'test')
        for key, value in (('num_workers', 0), ('persistent_workers', False))
    },
}


@pytest.fixture(scope='session')
def data_root(tmp_path_factory):
    """Returns a function: config -> data root with what it needs, made once."""
    root = tmp_path_factory.mktemp('data')

    def root_for(cfg):
        for folder in sorted({part.data_root for part in parts_of(cfg)}):
            name = folder.removeprefix('data/').rstrip('/')
            spec = ToySpec(num_train=8, num_val=3, seed=4, format=FORMATS[name])
            generate_toy_dataset(
                root / (name or 'HumanArt'), spec, workers=1, report=lambda line: None
            )
        return root

    return root_for


@pytest.fixture(autouse=True)
def _plain_config_texts(monkeypatch):
    monkeypatch.setattr(OWNER, 'FormatCode', format_plainly)


def parts_of(cfg):
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        yield from loader.dataset.get('datasets', [loader.dataset])


def tiny_language(model):
    """Overrides that make the text encoder and the parse graph of a config tiny, if it has them."""
    if 'parse_graph' not in model:
        return {}
    # 8 heads at the lowest of three levels of nodes take 32 channels
    width = 24 if model.parse_graph.variant == 'fuse' else 32
    graph = dict(model.parse_graph, dim=width)
    graph['dims'] = tuple(width * (i + 1) for i in range(len(graph['dims'])))
    return {
        'model.text_encoder.width': 16,
        'model.text_encoder.out_channels': 32,
        'model.text_encoder.layers': 1,
        'model.parse_graph.dim': width,
        'model.parse_graph.dims': graph['dims'],
        'model.head.in_channels': MODELS.build(graph).out_channels,
    }


TINY_VLPOSE = {
    'model.backbone.depth': 2,  # so that there are deep prompts
    'model.text_encoder.embed_dim': 16,
    'model.text_encoder.depth': 1,
    'model.text_encoder.num_heads': 2,
    'model.text_encoder.mlp_dim': 16,
}


def tiny(cfg):
    """Overrides that make the network of a config and an epoch tiny."""
    model = cfg.model
    heads = {f'heads.{i}': head for i, head in enumerate(model.get('heads', ()))} or {
        'head': model.get('head')
    }
    num = len(cfg.train_dataloader.dataset.get('datasets', ()))
    parts = [f'dataset.datasets.{i}' for i in range(num)] or ['dataset']
    return {
        **TINY,
        **(TINY_VLPOSE if model.type == 'VLPoseEstimator' else {}),
        **{f'model.{name}.in_channels': 24 for name in heads},
        **{
            f'model.{name}.deconv_out_channels': (8, 8)
            for name, head in heads.items()
            if head.get('deconv_out_channels', (256, 256))
        },
        **{f'train_dataloader.{part}.indices': max(8 // len(parts), 2) for part in parts},
        **tiny_language(model),
    }


@pytest.mark.parametrize('path', LEAVES, ids=name_of)
def test_leaf_trains_validates_and_tests(path, data_root, tmp_path):
    plain = load_config(path)
    is_vlpose = plain.model.type == 'VLPoseEstimator'
    if is_vlpose:
        pytest.importorskip('transformers', reason='transformers is not installed')
    root, options = data_root(plain), tiny(plain)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cfg = load_config(path, options, data_root=str(root))
        run_training(prepare_training(cfg, work_dir=str(tmp_path), seed=0))
        resumes = 'heads' in plain.model or 'parse_graph' in plain.model
        if resumes or (is_vlpose and 'small' in path.stem):
            cfg = load_config(path, {**options, 'train_cfg.max_epochs': 2}, data_root=str(root))
            cfg = prepare_training(cfg, work_dir=str(tmp_path), resume='auto', seed=0)
            assert run_training(cfg).epoch == 2
        checkpoint = str(tmp_path / (tmp_path / 'last_checkpoint').read_text())
        cfg = load_config(path, options, data_root=str(root))
        metrics = run_test(prepare_test(cfg, checkpoint, work_dir=str(tmp_path)))
    finally:
        torch.set_num_threads(threads)
    assert metrics
    assert all(math.isfinite(value) for value in metrics.values())
