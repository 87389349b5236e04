"""A head that regresses coordinates needs its own class and a config, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmpose.analysis.complexity import measure_complexity
from mmpose.apis import inference_topdown, init_model, load_config
from mmpose.apis.train import prepare_training, run_training
from mmpose.dataset_tools.browse import browse_dataset
from mmpose.export.models import load_source
from mmpose.models.heads import PoseHead
from mmpose.registry import MODELS
from toy_pose.folder import ToySpec
from toy_pose.generate import generate_toy_dataset

TOY = Path('configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py')
SIZE = (96, 128)
HEAD = f"""
_base_ = ['{TOY.resolve()}']
model = dict(
    backbone=dict(embed_dim=24, depth=1, num_heads=2),
    head=dict(
        _delete_=True, type='PlainRegressionHead', in_channels=24, num_keypoints=17,
        input_size={SIZE}, use_udp=True,
    ),
)
train_cfg = dict(max_epochs=1, val_interval=1)
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
default_hooks = dict(preview=dict(interval=1))
"""


@MODELS.register_module()
class PlainRegressionHead(PoseHead):
    """Coordinates in crops from the mean of the features."""

    def __init__(self, in_channels, num_keypoints, input_size, use_udp=False):
        super().__init__()
        self.in_channels, self.num_keypoints = in_channels, num_keypoints
        self.input_size, self.use_udp = tuple(input_size), use_udp
        self.fc = nn.Linear(in_channels, 2 * num_keypoints)

    def forward(self, feats):
        return self.fc(feats.mean((2, 3))).unflatten(-1, (-1, 2)).sigmoid()

    def loss(self, feats, keypoints, keypoints_visible):
        wanted = keypoints / keypoints.new_tensor(self.input_size)
        error = (self(feats) - wanted).abs().sum(-1)
        return {'loss_keypoints': (error * keypoints_visible).mean()}

    def decode(self, output):
        return output.float() * output.new_tensor(self.input_size), torch.ones(output.shape[:2])

    def average_flipped(self, output, flipped, flip_indices):
        width = self.input_size[0]
        last = (width - 1) / width
        flipped = flipped[:, flip_indices] * output.new_tensor([-1, 1])
        return (output + flipped + output.new_tensor([last, 0])) / 2


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Folder of a run of two iterations with validation."""
    folder = tmp_path_factory.mktemp('run')
    generate_toy_dataset(folder / 'data' / 'toy', ToySpec(8, 3, 1, 'coco'), workers=1)
    (folder / 'config.py').write_text(HEAD)
    cfg = load_config(
        folder / 'config.py', {'train_dataloader.dataset.indices': 8}, str(folder / 'data')
    )
    prepare_training(cfg, work_dir=str(folder / 'work'), seed=1, show_dir=str(folder / 'pictures'))
    runner = run_training(cfg)
    return folder, runner


def test_it_trains_is_evaluated_and_previewed(trained):
    folder, runner = trained
    assert runner.iter == 2
    assert len(list((folder / 'pictures').glob('train_*.png'))) == 2
    records = ''.join(path.read_text() for path in folder.rglob('scalars.json'))
    assert '"coco/AP"' in records
    assert '"loss_keypoints"' in records


def test_inference_and_browsing(trained):
    folder, _ = trained
    [checkpoint] = (folder / 'work').glob('epoch_1.pth')
    model = init_model(folder / 'config.py', checkpoint)
    image = np.full((200, 200, 3), 128, np.uint8)
    boxes = np.array([[20, 20, 90, 120], [60, 40, 100, 100]])
    found = inference_topdown(model, image, boxes, with_heatmaps=True)
    assert [result.keypoints.shape for result in found] == [(17, 2), (17, 2)]
    assert found[0].heatmaps is None
    large = init_model(folder / 'config.py', checkpoint, input_size=(48, 64))
    assert large.backend.input_size == (48, 64)
    cfg = load_config(folder / 'config.py', data_root=str(folder / 'data'))
    assert len(browse_dataset(cfg, folder / 'browse', num=1, views=2)) == 1
    assert measure_complexity(cfg.model.to_dict()).flops['head'] == 2 * 24 * 34


def test_a_flip_test_mirrors_points():
    head = PlainRegressionHead(8, 2, (40, 20))
    point, swap = torch.tensor([[[0.25, 0.5], [0.5, 0.75]]]), torch.tensor([1, 0])
    last = 39 / 40
    mirrored = torch.stack([last - point[..., 0], point[..., 1]], -1)[:, swap]
    assert torch.allclose(head.average_flipped(point, mirrored, swap), point)


def test_what_it_cannot_do_is_said_in_a_sentence(trained):
    folder, _ = trained
    with pytest.raises(ValueError, match='head of the model predicts none'):
        load_source(folder / 'config.py', None)
    wrong = {'model.head.num_keypoints': 16}
    with pytest.raises(ValueError, match=r"'coco' has 17; set model\.head\.num_keypoints=17"):
        init_model(folder / 'config.py', cfg_options=wrong)
    test_cfg = {'model.test_cfg': {'flip_test': True, 'flip_mode': 'heatmap'}}
    with pytest.raises(ValueError, match='PlainRegressionHead predicts no heatmaps'):
        init_model(folder / 'config.py', cfg_options=test_cfg)
    sizes = {'model.head.input_size': (192, 256)}
    with pytest.raises(ValueError, match='PlainRegressionHead reads inputs of 192x256'):
        load_config(folder / 'config.py', sizes)
