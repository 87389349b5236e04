"""Several datasets in one model: losses, predictions, extraction, two processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from multi_head_model import (
    BACKBONE,
    NAMES,
    NUM_KEYPOINTS,
    SKELETONS,
    head_config,
    make_batch,
    make_images,
    make_model,
    make_single,
    take,
)

from mmpose.models import PoseDataPreprocessor
from mmpose.models.backbones import ViT
from mmpose.registry import MODELS

HERE = Path(__file__).parent
MIXED = [1, 0, 2, 0, 1, 0]


def published_loss(model, images, batch):
    """Every head on the whole batch, targets and weights times the mask of its dataset.

    Written with loops: for each joint the mean over samples and cells of (w * output - w *
    target)^2, then the mean over joints (Xu et al.; Xiao et al., ECCV 2018).
    """
    features = model.backbone(images, batch['dataset_idx'])
    losses = {}
    for d, (head, name) in enumerate(zip(model.heads, NAMES, strict=True)):
        num = NUM_KEYPOINTS[d]
        output = head(features)
        keypoints, keypoints_visible = (torch.zeros(len(images), num, *x) for x in ((2,), ()))
        size = min(num, batch['keypoints'].shape[1])
        keypoints[:, :size] = batch['keypoints'][:, :size]
        keypoints_visible[:, :size] = batch['keypoints_visible'][:, :size]
        target, weight = head.decoder.encode(keypoints, keypoints_visible)
        total = 0.0
        for joint in range(num):
            for row in range(len(images)):
                mask = float(batch['dataset_idx'][row] == d)
                w = weight[row, joint] * mask
                error = w * output[row, joint] - w * (target[row, joint] * mask)
                total = total + (error**2).mean() / len(images) / num
        losses[f'loss_{name}'] = total
    return losses


@pytest.mark.parametrize('index', [MIXED, [0, 1, 0, 1], [2, 2]])
def test_loss_is_the_published_arithmetic(index):
    """Published training stops at the first batch: its heads meet targets of other joints (D1)."""
    model = make_model().train()
    batch, images = make_batch(index), make_images(len(index))
    losses = model(images, batch, mode='loss')
    sum(losses[f'loss_{name}'] for name in NAMES).backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    expected = published_loss(model, images, batch)
    sum(expected.values()).backward()

    for name in NAMES:
        loss = losses[f'loss_{name}']
        torch.testing.assert_close(loss, expected[f'loss_{name}'].reshape(()), rtol=1e-5, atol=0)
        assert (loss > 0) == (NAMES.index(name) in index)
        assert (f'acc_{name}' in losses) == (NAMES.index(name) in index)
    expected_grads = {name: p.grad for name, p in model.named_parameters()}
    torch.testing.assert_close(grads, expected_grads, rtol=1e-4, atol=1e-7)


def test_joints_of_other_skeletons_are_never_read():
    model, images = make_model().train(), make_images(6)
    batch, spoiled = make_batch(MIXED), make_batch(MIXED)
    for row, dataset in enumerate(MIXED):
        spoiled['keypoints'][row, NUM_KEYPOINTS[dataset] :] = 7
        spoiled['keypoints_visible'][row, NUM_KEYPOINTS[dataset] :] = 1
    losses = model.loss(images, batch)

    assert losses == model.loss(images, spoiled)


def test_batch_statistics_are_those_of_the_mixed_batch():
    """As published: what the other datasets look like changes the statistics of a head."""
    model, images, batch = make_model().train(), make_images(6), make_batch(MIXED)
    features = model.extract_feat(images, batch['dataset_idx'])
    maps = model.heads[0].deconv_layers[0](features)
    before = model.heads[0].deconv_layers[1].running_mean.clone()
    model.loss(images, batch)

    expected = 0.9 * before + 0.1 * maps.mean((0, 2, 3))
    torch.testing.assert_close(model.heads[0].deconv_layers[1].running_mean, expected)


@pytest.mark.parametrize('index', [MIXED, [0, 0, 1, 1]])
def test_clean_loss_is_that_of_separate_models(index):
    model = make_model(clean=True).train()
    batch, images = make_batch(index), make_images(len(index))
    losses = model(images, batch, mode='loss')

    for d, name in enumerate(NAMES):
        rows = [i for i, dataset in enumerate(index) if dataset == d]
        if not rows:
            assert losses[f'loss_{name}'] == 0
            assert f'acc_{name}' not in losses
            continue
        single = make_model(clean=True).single(name).train()
        expected = single(images[rows], take(batch, rows, NUM_KEYPOINTS[d]), mode='loss')
        torch.testing.assert_close(
            losses[f'loss_{name}'], expected['loss_heatmap'], rtol=1e-5, atol=0
        )
        torch.testing.assert_close(losses[f'acc_{name}'], expected['acc_pose'])
    sum(losses[f'loss_{name}'] for name in NAMES).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('backbone', [{}, dict(use_checkpoint=True)])
@pytest.mark.parametrize('clean', [False, True])
def test_every_parameter_has_a_gradient_though_datasets_are_missing(clean, backbone):
    model = make_model(backbone, clean=clean).train()
    losses = model(make_images(2), make_batch([1, 1]), mode='loss')
    sum(losses[f'loss_{name}'] for name in NAMES).backward()

    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert model.heads[1].final_layer.weight.grad.any()
    assert not model.heads[0].final_layer.weight.grad.any()


def test_predictions_are_those_of_single_models_in_the_order_of_the_batch():
    """A merged expert with its head, codec and skeleton, flip test included."""
    # In float64, because a Newton step on the flat maps of random weights enlarges what the sizes
    # of batches and the number of threads change in float32.
    model = make_model().eval().double()
    batch, images = make_batch(MIXED), make_images(6).double()
    del batch['keypoints'], batch['keypoints_visible']
    with torch.no_grad():
        poses = model(images, batch, mode='predict')

        assert [pose.ann_id for pose in poses] == batch['ann_id'].tolist()
        for row, (pose, dataset) in enumerate(zip(poses, MIXED, strict=True)):
            single = model.single(NAMES[dataset]).double()
            part = {key: value[row : row + 1] for key, value in batch.items()}
            (expected,) = single(images[row : row + 1], part, mode='predict')
            assert pose.keypoints.shape == (NUM_KEYPOINTS[dataset], 2)
            assert pose.dataset_idx == dataset
            np.testing.assert_allclose(pose.keypoint_scores, expected.keypoint_scores, rtol=1e-4)
            np.testing.assert_allclose(pose.keypoints, expected.keypoints, atol=1e-3)  # image px
            assert pose.area == expected.area


@pytest.mark.parametrize('name', NAMES)
def test_extracted_model_is_plain_and_gives_the_same_heatmaps(name):
    model = make_model().eval()
    single = model.single(name)
    index = NAMES.index(name)
    images = make_images(2)
    with torch.no_grad():
        expected = model(images, {'dataset_idx': torch.full((2,), index)})[index]
        heatmaps = single(images)

    assert type(single.backbone) is ViT
    assert not single.training
    assert single.dataset_meta.name == SKELETONS[index]
    assert expected.std() > 0.1
    torch.testing.assert_close(heatmaps, expected, rtol=0, atol=1e-4)
    make_single(index).load_state_dict(single.state_dict())  # strict
    single.head.final_layer.weight.data.zero_()
    assert model.heads[index].final_layer.weight.any()


def test_plain_backbone_serves_several_heads():
    """The multi-task models without experts."""
    model = MODELS.build(
        dict(
            type='MultiHeadPoseEstimator',
            backbone=dict(type='ViT', **BACKBONE),
            heads=[head_config(i) for i in range(2)],
            metainfo=SKELETONS[:2],
        )
    ).eval()
    with torch.no_grad():
        maps = model(make_images(2))
        single = model.single('aic')(make_images(2))

    assert [x.shape[1] for x in maps] == [17, 14]
    torch.testing.assert_close(single, maps[1])
    losses = model.train()(make_images(3), make_batch([0, 1, 1]), mode='loss')
    assert set(losses) == {'loss_coco', 'acc_coco', 'loss_aic', 'acc_aic'}


def test_topdown_model_with_experts_reads_the_dataset_of_each_sample():
    backbone = dict(type='ViTMoE', num_expert=3, **BACKBONE)
    model = make_single(0, backbone=backbone).eval()
    batch = make_batch([0, 0]) | {'dataset_idx': torch.tensor([2, 1])}
    with torch.no_grad():
        maps = model(make_images(2), batch)
        again = model.predict_output(make_images(2), torch.tensor([1, 2]))
        poses = model(make_images(2), batch, mode='predict')
        other = model(make_images(2), batch | {'dataset_idx': torch.tensor([0, 1])})
    losses = model(make_images(2), batch, mode='loss')

    assert maps.shape == again.shape
    assert not torch.allclose(maps[0], other[0], atol=1e-3)
    torch.testing.assert_close(maps[1], other[1], rtol=0, atol=1e-5)
    assert [pose.dataset_idx for pose in poses] == [2, 1]
    assert losses['loss_heatmap'] > 0
    with pytest.raises(ValueError, match='needs the dataset_idx'):
        model(make_images(2))


def test_training_one_expert_and_its_head():
    model = make_model(dict(freeze_shared=True, trained_expert=1)).train()
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    losses = model(make_images(6), make_batch(MIXED), mode='loss')
    losses['loss_aic'].backward()
    optimizer.step()

    assert set(losses) == {'loss_aic', 'acc_aic'}
    assert all(name.startswith('heads.1.') or '.experts.1.' in name for name in trained)
    changed = {
        name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert {name for name in changed if 'running' not in name and 'num_b' not in name} == trained
    assert not any(name.startswith(('heads.0.', 'heads.2.')) for name in changed)
    assert not model.heads[0].training
    assert model.heads[1].training


def test_state_names_are_head_by_head():
    names = make_model().state_dict().keys()
    prefixes = {name.split('.')[0] + '.' + name.split('.')[1] for name in names}

    assert {x for x in prefixes if not x.startswith('backbone.')} == {
        f'heads.{i}' for i in range(3)
    }
    assert 'heads.2.final_layer.weight' in names
    assert not any('flip' in name for name in names)


@pytest.mark.parametrize('index', [[0, 3], [-1, 0]])
@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_dataset_without_a_head_is_refused(index, mode):
    batch = make_batch([0, 0]) | {'dataset_idx': torch.tensor(index)}

    with pytest.raises(ValueError, match=r'dataset_idx is (3|-1) but the model has 3 heads'):
        make_model()(make_images(2), batch, mode=mode)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(backbone=dict(num_expert=2)), '3 heads but the backbone 2 experts.*num_expert=3'),
        (dict(metainfo=SKELETONS[:2]), r'3 heads but model\.metainfo has 2 entries'),
        (dict(names=['a', 'b']), r'3 heads but model\.names has 2 entries'),
        (dict(names=['a', 'b', 'a']), r'must differ; set model\.names'),
        (
            dict(metainfo=['coco', 'mpii', 'coco_wholebody_face']),
            r"head 1 has 14 keypoints but 'mpii' has 16; set model\.heads\[1\]\.out_channels=16",
        ),
        (dict(pretrained_metainfo=['coco']), r'there is none; set model\.pretrained'),
        (
            dict(
                heads=[
                    head_config(0),
                    head_config(1, loss=dict(type='JointsMSELoss', use_target_weight=False)),
                    head_config(2),
                ]
            ),
            'head 1 has a loss with use_target_weight=False',
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_model(**options)


def test_unknown_dataset_is_refused():
    with pytest.raises(ValueError, match="no dataset 'mpii', only coco, aic, face"):
        make_model().single('mpii')


def test_dataset_index_stays_on_the_host():
    """It decides which layers run; a copy on the device would have to be waited for."""
    batch = make_batch([0, 1])
    data = dict(inputs=torch.zeros(2, 3, 8, 8, dtype=torch.uint8), batch=dict(batch))
    made = PoseDataPreprocessor()(data)

    assert made['batch']['dataset_idx'] is batch['dataset_idx']
    with torch.device('meta'):
        preprocessor = PoseDataPreprocessor().to('meta')
    data = dict(inputs=torch.zeros(2, 3, 8, 8, dtype=torch.uint8), batch=dict(batch))
    made = preprocessor(data)
    assert made['batch']['keypoints'].device.type == 'meta'
    assert made['batch']['dataset_idx'].device.type == 'cpu'


def test_two_processes_of_which_one_misses_datasets(tmp_path):
    """Steps finish without a search for unused parameters, and both have the same weights."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get('PYTHONPATH', '')])
    environment = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}
    workers = [
        subprocess.Popen(
            [sys.executable, HERE / 'multi_head_worker.py', tmp_path],
            env={**environment, 'RANK': str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [worker.communicate(timeout=180)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], errors
    results = [json.loads((tmp_path / f'{rank}.json').read_text()) for rank in range(2)]

    for clean in ('published', 'clean'):
        first, second = (result[clean] for result in results)
        assert first['steps'] == second['steps'] == 3
        assert first['weights'] == second['weights']
        assert first['moved'] > 1e-3  # far above rounding
        assert first['expert 2 moved'] > 0  # only rank 1 has its dataset
