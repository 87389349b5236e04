"""The leaves of VLPose hold its published recipe, with its traps mended on purpose."""

import pytest
import torch
from test_dataset_leaves import KIND, ROOT

from mmcv_custom import LayerDecayOptimWrapperConstructor
from mmpose.apis import load_config
from mmpose.registry import MODELS

pytest.importorskip('transformers', reason='transformers is not installed')

# size: width, depth, drop path, prompt tokens, batches of training and validation on Human-Art,
# layer decay on COCO and on Human-Art
SIZES = {
    'small': (384, 12, 0.1, 50, (64, 32), 0.75, 0.8),
    'base': (768, 12, 0.3, 20, (64, 32), 0.75, 0.8),
    'large': (1024, 24, 0.5, 10, (32, 32), 0.8, 0.8),
    'huge': (1280, 32, 0.55, 5, (16, 16), 0.85, 0.85),
}
MODES = ('sp', 'dp', 'll', 'ff')


def load(size, mode):
    num = SIZES[size][3] if mode in ('sp', 'dp') else ''
    return load_config(
        ROOT / f'body/{KIND}/humanart/VLPose_{size}_humanart_256x192_{mode}{num}.py'
    )


def load_coco(size):
    return load_config(ROOT / f'body/{KIND}/coco/VLPose_{size}_coco_256x192.py')


def check_shared(cfg, size):
    width, depth, drop_path, *_ = SIZES[size]
    backbone = cfg.model.backbone
    assert (backbone.embed_dim, backbone.depth, backbone.drop_path_rate) == (width, depth, drop_path)
    assert (cfg.model.matcher.num_heads, cfg.model.matcher.attn_drop) == (8, 0.1)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 5e-4, 0.1)
    assert cfg.optim_wrapper.clip_grad.max_norm == 1
    assert (cfg.train_cfg.max_epochs, cfg.auto_scale_lr.base_batch_size) == (210, 512)
    assert cfg.model.head.decoder.type == 'UDPHeatmap'
    assert cfg.model.flip_test


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('size', SIZES)
def test_human_art(size, mode):
    cfg = load(size, mode)
    check_shared(cfg, size)
    *_, num_tokens, batches, _, decay = SIZES[size]
    assert cfg.model.backbone.tuning == mode
    assert cfg.model.backbone.get('num_tokens', 0) == (num_tokens if mode in ('sp', 'dp') else 0)
    assert cfg.model.head.freeze_main_branch
    assert (cfg.train_dataloader.batch_size, cfg.val_dataloader.batch_size) == batches
    assert cfg.test_dataloader.batch_size == batches[1]
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    assert cfg.test_evaluator.type == 'HumanArtMetric'


@pytest.mark.parametrize('size', SIZES)
def test_coco_stage_freezes_no_random_decoder(size):
    cfg = load_coco(size)
    check_shared(cfg, size)
    assert cfg.model.backbone.type == 'ViT'
    assert not cfg.model.head.get('freeze_main_branch', False)
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == SIZES[size][5]


@pytest.mark.parametrize('size', SIZES)
def test_no_layer_learns_faster_than_the_head(size):
    """The published files count 12 layers in every size, so that L and H had rates above 1."""
    for cfg in (load_coco(size), load(size, 'll'), load(size, 'ff')):
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        wrapper = cfg.optim_wrapper.to_dict()
        paramwise = wrapper.pop('paramwise_cfg')
        wrapper.pop('constructor')
        groups = LayerDecayOptimWrapperConstructor(wrapper, paramwise).param_groups(model)
        assert max(group['lr_scale'] for group in groups) == 1
        (last,) = [g for g in groups if f'blocks.{SIZES[size][1] - 1}.attn.qkv.weight' in
                   ' '.join(g['param_names'])]  # fmt: skip
        assert last['lr_scale'] == pytest.approx(paramwise['layer_decay_rate'])
