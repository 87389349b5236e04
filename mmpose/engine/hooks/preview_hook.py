"""Training preview: pictures of the input, the targets and the predictions of the moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmpose.datasets.transforms.condition import shaded
from mmpose.engine.sharding import is_sharded
from mmpose.models.heads import PoseHead
from mmpose.registry import HOOKS
from mmpose.structures import DatasetMeta
from mmpose.visualization import make_grid, training_preview


@HOOKS.register_module()
class TrainingPreviewHook(Hook):
    """Draws some training crops with their targets and the predictions of the moment.

    Args:
        interval: Iterations between two pictures; the first is drawn at once. 0 draws none.
        max_samples: Crops in a picture.
        out_dir: Folder that gets the pictures too, as PNG files.
    """

    priority = 'LOW'

    def __init__(
        self, interval: int = 1000, max_samples: int = 8, out_dir: str | None = None
    ) -> None:
        self.interval = interval
        self.max_samples = max_samples
        self.out_dir = out_dir

    @master_only
    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Draws when it is time; a sharded model cannot predict on one rank alone."""
        if not self.interval or runner.iter % self.interval or is_sharded(runner.model):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        picture = preview(model, data_batch, self.max_samples)
        runner.visualizer.add_image('train_preview', picture[..., ::-1], step=runner.iter)
        if self.out_dir is not None:
            Path(self.out_dir).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(Path(self.out_dir, f'train_{runner.iter:06d}.png')), picture)


@torch.no_grad()
def preview(model: torch.nn.Module, data_batch: dict[str, Any], max_samples: int) -> Any:
    """Returns a BGR picture of the first samples of a batch; leaves the model's mode as it was.

    The samples of a mixture of datasets are drawn one by one, each with its own skeleton.
    """
    part = {
        'inputs': data_batch['inputs'][:max_samples],
        'batch': {key: value[:max_samples] for key, value in data_batch['batch'].items()},
    }
    was_training = model.training
    model.eval()
    data = model.data_preprocessor(part)
    if hasattr(model, 'heads'):
        picture = _draw_mixed(model, part, data)
    else:
        rows = torch.arange(len(part['inputs']))
        features = model.extract_feat(data['inputs'], model.condition_of(data['batch']))
        picture = _draw(part, rows, model.head, model.dataset_meta, features)
    model.train(was_training)
    return picture


def _draw_mixed(model: torch.nn.Module, part: dict[str, Any], data: dict[str, Any]) -> Any:
    index = data['batch']['dataset_idx']
    features = model.extract_feat(data['inputs'], index)
    pictures, titles = [], []
    for row, i in enumerate(index.tolist()):
        own = (part, torch.tensor([row]), model.heads[i], model.metas[i], features[row : row + 1])
        pictures.append(_draw(*own))
        titles.append(model.names[i])
    return make_grid(pictures, columns=min(2, len(pictures)), titles=titles)


def _draw(
    part: dict[str, Any],
    rows: torch.Tensor,
    head: PoseHead,
    dataset_meta: DatasetMeta,
    features: Any,
) -> Any:
    """Returns the picture of some samples of one skeleton.

    Args:
        part: A batch as the loader gives it.
        rows: (n,). The samples.
        dataset_meta: The skeleton, with K keypoints.
        features: What the head reads of the samples.
    """
    predicted, scores = head.predict(features)
    rows, num = rows.cpu(), dataset_meta.num_keypoints
    keypoints = part['batch']['keypoints'].cpu()[rows, :num]  # zeros behind the K of the skeleton
    keypoints_visible = part['batch']['keypoints_visible'].cpu()[rows, :num]
    device = predicted.device
    targets = head.draw_targets(keypoints.to(device), keypoints_visible.to(device))
    return training_preview(
        np.stack([shaded(x) for x in part['inputs'].cpu()[rows].permute(0, 2, 3, 1).numpy()]),
        keypoints.numpy(),
        keypoints_visible.numpy(),
        predicted.float().cpu().numpy(),
        scores.float().cpu().numpy(),
        None if targets is None else targets.cpu().numpy(),
        dataset_meta=dataset_meta,
        use_udp=head.use_udp,
    )
