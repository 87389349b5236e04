"""A GPU that is not there: nothing mixes devices, and nothing waits for it within an iteration.

PyTorch's fake tensors say they are on ``cuda`` and hold no numbers, so reading one back raises; a
copy to the host is caught beside. The engine of backward() wants a real GPU, so that half, with the
optimizer and the hooks, runs on ``meta``, whose tensors hold no numbers either.
"""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmpose.config.load import load_config
from mmpose.config.names import CONFIGS
from mmpose.engine import LossGuardHook, MixedPrecisionOptimWrapper
from mmpose.engine.hooks import PoseRuntimeInfoHook
from mmpose.engine.optim_wrapper import PoseOptimWrapper
from mmpose.models.pose_estimators import results
from mmpose.registry import HOOKS, MODELS

pytestmark = pytest.mark.skipif(
    torch.version.cuda is None, reason='this build of PyTorch has no CUDA, so it fakes none'
)
B = 2
BODY, ANIMAL = ('body/2d_kpt_sview_rgb_img/topdown_heatmap/', 'animal/2d_kpt_sview_rgb_img/')
# one leaf of each combination of estimator, backbone, head, codec and loss
FAMILIES = {
    'classic_udp': 'coco/ViTPose_base_coco_256x192.py',
    'simple': 'coco/ViTPose_base_simple_coco_256x192.py',
    'msra': 'mpii/ViTPose_base_mpii_256x192.py',
    'stem': 'coco/ViTPose_tiny_coco_256x192.py',
    'heads': 'coco/ViTPose_base_multitask_coco+aic+mpii+crowdpose_256x192.py',
    'experts': 'coco/vitPose+_base_coco+aic+mpii+ap10k+apt36k+wholebody_256x192_udp.py',
    'experts_hap': 'coco/ViTPose_base_coco+aic+mpii_256x192.py',
    'pgvl': 'mpii/PGVL_ViTB_mpii_256x256.py',
    'vlpose': 'coco/VLPose_base_coco_256x192.py',
    'vlpose_prompts': 'humanart/VLPose_base_humanart_256x192_dp20.py',
    'vlpose_adapters': 'humanart/VLPose_base_humanart_256x192_ff.py',
}

built = {}


class OnDevice(TorchDispatchMode):
    """Names of the operators that copy from a device to the host."""

    def __init__(self):
        super().__init__()
        self.copies = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        came = {x.device.type for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
        left = {x.device.type for x in tree_leaves(result) if isinstance(x, torch.Tensor)}
        if came & {'cuda', 'meta'} and 'cpu' in left:
            self.copies.append(str(func))
        return result


def build(name):
    if name.startswith('vlpose'):
        pytest.importorskip('transformers', reason='transformers is not installed')
    (path,) = CONFIGS.glob(f'*/2d_kpt_sview_rgb_img/topdown_heatmap/{FAMILIES[name]}')
    few = {'model.backbone.depth': 2}
    if name.startswith(('pgvl', 'vlpose')):
        few[f'model.text_encoder.{"layers" if name == "pgvl" else "depth"}'] = 1
    if name not in built:
        config = load_config(path, few).model
        config.pop('pretrained', None)
        built[name] = MODELS.build(config), config.get('heads')
    return copy.deepcopy(built[name])


def make_batch(model, heads):
    """A batch as the collate function makes it, with a sample of the first and the last dataset."""
    width, height = model.all_heads()[0].input_size
    num = len(heads or [0])
    return {
        'inputs': torch.zeros(B, 3, height, width, dtype=torch.uint8),
        'batch': {
            'keypoints': torch.rand(B, max(h.num_keypoints for h in model.all_heads()), 2) * width,
            'keypoints_visible': torch.ones(B, max(h.num_keypoints for h in model.all_heads())),
            'center': torch.full((B, 2), 99.0),
            'scale': torch.full((B, 2), 200.0),
            'rotation': torch.zeros(B),
            'bbox_xywh': torch.full((B, 4), 50.0),
            'bbox_score': torch.ones(B),
            'dataset_idx': torch.tensor([0, num - 1]),
            'ann_id': torch.arange(B),
            'category_id': torch.ones(B, dtype=torch.int64),
            'img_id': list(range(B)),
            'image_file': [f'{i}.jpg' for i in range(B)],
        },
    }


def on_fake_gpu(model, data, run):
    """Returns what ``run(model, data)`` gives on a GPU, and the copies to the host meanwhile."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to('cuda')
        with OnDevice() as watch:
            return run(model, model.data_preprocessor(data)), watch.copies


def losses(model, data):
    return model.train().parse_losses(model(**data, mode='loss'))


@pytest.mark.parametrize('name', FAMILIES)
def test_losses_stay_on_the_gpu(name):
    model, heads = build(name)
    (loss, values), copies = on_fake_gpu(model, make_batch(model, heads), losses)
    assert {x.device.type for x in (loss, *values.values())} == {'cuda'}
    assert copies == []


@pytest.mark.parametrize('name', FAMILIES)
def test_heads_compute_channels_last(name):
    model, heads = build(name)
    seen = []

    def note(module, inputs, output):
        seen.append((str(module), output.is_contiguous(memory_format=torch.channels_last)))

    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU)
    for module in nn.ModuleList(model.all_heads()).modules():
        if isinstance(module, layers):
            module.register_forward_hook(note)

    on_fake_gpu(model, make_batch(model, heads), losses)
    assert len(seen) >= len(model.all_heads())
    assert [name for name, is_last in seen if not is_last] == []


@pytest.mark.parametrize('name', FAMILIES)
def test_predictions_come_back_once_for_each_head(name, monkeypatch):
    model, heads = build(name)
    came = []

    def as_array(value):
        if not isinstance(value, torch.Tensor):
            return value
        came.extend([value] * (value.device.type == 'cuda'))
        return np.ones(value.shape)

    monkeypatch.setattr(results, '_numpy', as_array)

    def predict(model, data):
        model.flip_test = True
        with torch.no_grad():
            return model.eval()(**data, mode='predict')

    data = make_batch(model, heads)
    poses, copies = on_fake_gpu(model, data, predict)
    assert len(poses) == B
    assert len(came) == len(set(data['batch']['dataset_idx'].tolist()))
    assert copies == []


@pytest.mark.parametrize(
    ('name', 'amp'), [*((x, False) for x in FAMILIES), ('stem', True), ('pgvl', True)]
)
def test_a_step_reads_nothing_back_until_the_log_wants_it(name, amp, monkeypatch):
    model, heads = build(name)
    runner = trained_on_meta(model, amp, monkeypatch)
    hooks = [HOOKS.build(dict(type='RuntimeInfoHook')), LossGuardHook()]
    assert isinstance(hooks[0], PoseRuntimeInfoHook)
    hooks[0].before_train(runner)
    data = make_batch(model, heads)
    for number in range(2):
        with OnDevice() as watch:
            outputs = model.train().train_step(data, runner.optim_wrapper)
            for hook in hooks:
                hook.after_train_iter(runner, number, data, outputs)
        assert watch.copies == []
        runner.iter += 1
    with pytest.raises(RuntimeError, match='meta'):  # the third is logged
        hooks[0].after_train_iter(runner, 2, data, outputs)
    with pytest.raises(RuntimeError, match='meta'):
        hooks[1].before_save_checkpoint(runner, {})


class Loader(list):
    """A loader of an epoch of ten batches."""

    dataset = ()

    def __len__(self):
        return 10


def trained_on_meta(model, amp, monkeypatch):
    """What the hooks read of a runner that logs every third iteration."""
    model.to('meta')
    options = dict(clip_grad=dict(max_norm=1.0))
    monkeypatch.setattr('mmpose.engine.amp.get_device', lambda: 'cpu')
    autocast = torch.autocast  # knows no meta
    monkeypatch.setattr(
        torch,
        'autocast',
        lambda kind, *args, **kwargs: autocast(kind.replace('meta', 'cpu'), *args, **kwargs),
    )
    wrapper = MixedPrecisionOptimWrapper if amp else PoseOptimWrapper
    trained = [x for x in model.parameters() if x.requires_grad]
    return SimpleNamespace(
        iter=0, epoch=0, max_epochs=1, max_iters=9, train_dataloader=Loader(),
        optim_wrapper=wrapper(torch.optim.AdamW(trained, foreach=True), **options),
        message_hub=MessageHub.get_instance('fake_gpu'), hooks=[LoggerHook(interval=3)],
    )  # fmt: skip


class Planted(torch.nn.Module):
    """A head that does one thing wrong in its loss."""

    def __init__(self, head, fault):
        super().__init__()
        self.head, self.fault = head, fault
        self.loss_weight = torch.ones(17)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__('head'), name)

    def loss(self, features, keypoints, keypoints_visible):
        values = self.head.loss(features, keypoints, keypoints_visible)
        values['loss_heatmap'] = values['loss_heatmap'] * self.fault(self, values['loss_heatmap'])
        return values


FAULTS = {
    'item': lambda head, loss: 1 / max(loss.item(), 1),
    'branch': lambda head, loss: 1 if loss > 0 else 2,
    'mask': lambda head, loss: loss[None][loss[None] > 0].sum(),
    'host_tensor': lambda head, loss: (
        loss * torch.ones(17, device='cuda') * head.loss_weight
    ).sum(),
    'copy': lambda head, loss: 1 + 0 * loss.cpu().to('cuda'),
}


# what the fake tensors refuse, or the copy that was seen
FOUND = {
    'item': '_local_scalar_dense',
    'branch': '_local_scalar_dense',
    'mask': 'nonzero',
    'host_tensor': 'two devices',
    'copy': '_to_copy',
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_planted_fault_is_found(fault):
    model, heads = build('stem')
    model.head = Planted(model.head, FAULTS[fault])
    try:
        _, found = on_fake_gpu(model, make_batch(model, heads), losses)
    except RuntimeError as error:
        found = [str(error)]
    assert FOUND[fault] in ' '.join(found)
