"""Multi-dataset pose estimator: one backbone, and a head and a skeleton per dataset."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.checkpoints.heads import select_dataset
from mmpose.checkpoints.lora import merge_adapters
from mmpose.metainfo import load_metainfo
from mmpose.models.backbones.vit_moe import plain_config
from mmpose.models.heads import PoseHead
from mmpose.models.pose_estimators.base import Batch, Config, PoseEstimator
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import DatasetMeta, PoseResult

SHARED = ('neck', 'data_preprocessor')  # by all datasets


@MODELS.register_module()
class MultiHeadPoseEstimator(PoseEstimator):
    """Estimates poses of several skeletons; the dataset of a crop says which head is asked.

    As ViTPose and ViTPose+ were trained, every head sees the features of the whole mixed batch
    (so that batch norm takes the statistics of all datasets) and its loss is divided by the size
    of the whole batch (so that a dataset weighs as much as its share of the batch). Arguments that
    are not listed are those of ``PoseEstimator``.

    Args:
        backbone: Config of a backbone. One with experts needs one per head.
        heads: Config of a ``PoseHead`` per dataset.
        metainfo: Skeleton per dataset.
        names: Name per dataset, for losses and metrics; None takes those of the skeletons.
        pretrained_metainfo: Skeleton per head of ``pretrained``, to load the heads too: head i
            from head i of the checkpoint, those that it lacks from the one of the backbone's
            ``new_expert_from``. Keypoints with the same name start from it.
        clean: Whether a head sees the samples of its own dataset only, with their batch
            statistics and a mean over them.
        categories: Categories of each head, name to id, where the datasets are categories of one
            annotation file; inference then gives each box to the head of its category.

    Attributes:
        metas: Skeleton per dataset.
        names: Name per dataset.

    Raises:
        ValueError: If the lists do not fit each other.
    """

    def __init__(
        self,
        backbone: Config,
        heads: Sequence[Config],
        metainfo: Sequence[str | DatasetMeta],
        names: Sequence[str] | None = None,
        pretrained_metainfo: Sequence[str | DatasetMeta] | None = None,
        clean: bool = False,
        categories: Sequence[Mapping[str, int]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, pretrained_metainfo=pretrained_metainfo or (), **kwargs)
        self._parts = copy.deepcopy(dict(backbone=backbone, heads=heads))
        self._shared = copy.deepcopy({key: kwargs.get(key) for key in SHARED})
        self.metas = [load_metainfo(dataset_meta) for dataset_meta in metainfo]
        self.names = (
            [dataset_meta.name for dataset_meta in self.metas] if names is None else list(names)
        )
        self.heads = nn.ModuleList(MODELS.build(head) for head in heads)
        self.clean = clean
        self.categories = None if categories is None else [dict(own) for own in categories]
        self._check()
        self._set_head_options()
        for i, dataset_meta in enumerate(self.metas):
            flips = torch.from_numpy(dataset_meta.flip_indices.copy())
            self.register_buffer(f'flip_indices_{i}', flips, persistent=False)
        self.trained_head: int | None = getattr(self.backbone, 'trained_expert', None)
        self._freeze()

    @property
    def dataset_meta(self) -> DatasetMeta:
        """Skeleton of the first dataset, by which a checkpoint of the model is named."""
        return self.metas[0]

    def named_heads(self) -> list[tuple[str, PoseHead, DatasetMeta]]:
        """Returns the heads in the order of their datasets, with a name and their skeleton."""
        names = [f"head '{name}'" for name in self.names]
        return list(zip(names, self.heads, self.metas, strict=True))

    def forward_heads(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> list[Tensor]:
        """Returns the raw output of each head (heatmaps), all for the whole batch."""
        features = self.extract_feat(inputs, dataset_idx)
        return [head(features) for head in self.heads]

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns ``loss_{name}`` of each dataset and ``acc_{name}`` of those in the batch.

        Args:
            inputs: (B, 3, h, w), normalised.
            batch: ``keypoints`` (B, Kmax, 2), input px, ``keypoints_visible`` (B, Kmax) and
                ``dataset_idx`` (B,). Rows behind a sample's own K are not read.
        """
        rows_of = self._rows_by_dataset(batch['dataset_idx'])
        features = self.extract_feat(inputs, batch['dataset_idx'])
        results: dict[str, Tensor] = {}
        for i, (head, name) in enumerate(zip(self.heads, self.names, strict=True)):
            if self.trained_head is not None and i != self.trained_head:
                continue
            rows = torch.tensor(rows_of[i], dtype=torch.long)
            rows = rows.to(features.device, non_blocking=True)
            keypoints = _fit_keypoints(batch['keypoints'], self.metas[i].num_keypoints)
            keypoints_visible = _fit_keypoints(
                batch['keypoints_visible'], self.metas[i].num_keypoints
            )
            if self.clean:
                losses = _own_loss(head, features, keypoints, keypoints_visible, rows)
            else:
                own = torch.zeros_like(keypoints_visible).index_fill_(0, rows, 1)
                losses = head.loss(features, keypoints, keypoints_visible * own)
            first, *others = (value for key, value in losses.items() if 'loss' in key)
            results[f'loss_{name}'] = sum(others, first)
            if rows_of[i] and 'acc_pose' in losses:
                results[f'acc_{name}'] = losses['acc_pose']
        return results

    def predict(self, inputs: Tensor, batch: Batch) -> list[PoseResult]:
        """Returns the pose of each crop, read by the head of its dataset."""
        index = batch['dataset_idx']
        rows_of = self._rows_by_dataset(index)
        features = self.extract_feat(inputs, index)
        mirrored = self.extract_feat(inputs.flip(-1), index) if self.flip_test else None
        poses: dict[int, PoseResult] = {}
        for i, rows in enumerate(rows_of):
            if not rows:
                continue
            head = self.heads[i]
            flipped = None if mirrored is None else mirrored[rows]
            found = head.predict(features[rows], flipped, getattr(self, f'flip_indices_{i}'))
            part = {key: _take(value, rows) for key, value in batch.items()}
            found = batch_to_results(*found, part, head)
            poses.update(zip(rows, found, strict=True))
        return [poses[row] for row in range(len(poses))]

    def single(self, name: str) -> TopdownPoseEstimator:
        """Returns the plain model of one dataset, with copies of the weights.

        Experts become part of a plain ViT, so that the state has the names of a single-dataset
        model and nothing else.

        Args:
            name: One of ``names``.

        Raises:
            ValueError: If there is no such dataset.
        """
        if name not in self.names:
            raise ValueError(f"the model has no dataset '{name}', only {', '.join(self.names)}")
        index = self.names.index(name)
        backbone = self._parts['backbone']
        if getattr(self.backbone, 'takes_dataset_idx', False):
            backbone = plain_config(backbone)
        model = TopdownPoseEstimator(
            backbone=backbone,
            head=self._parts['heads'][index],
            metainfo=self.metas[index],
            flip_test=self.flip_test,
            test_cfg=self._flip_options,
            **self._shared,
        )
        model.load_state_dict(select_dataset(merge_adapters(self.state_dict()), index))
        return model.to(next(self.parameters()).device).train(self.training)

    def _rows_by_dataset(self, dataset_idx: Tensor) -> list[list[int]]:
        """Returns the rows of the batch that belong to each dataset."""
        rows: list[list[int]] = [[] for _ in self.heads]
        for row, index in enumerate(dataset_idx.tolist()):
            if not 0 <= index < len(rows):
                raise ValueError(
                    f'dataset_idx is {index} but the model has {len(rows)} heads, 0 to '
                    f'{len(rows) - 1}; list one head per dataset in model.heads'
                )
            rows[index].append(row)
        return rows

    def _frozen_modules(self) -> list[nn.Module]:
        if self.trained_head is None:
            return super()._frozen_modules()
        # one expert and its head are trained, all else stays as it is
        others = [head for i, head in enumerate(self.heads) if i != self.trained_head]
        return others if self.neck is None else [*others, self.neck]

    def _check(self) -> None:
        num = len(self.heads)
        for what, values in (('metainfo', self.metas), ('names', self.names)):
            if len(values) != num:
                raise ValueError(
                    f'the model has {num} heads but model.{what} has {len(values)} entries; give '
                    'one per head'
                )
        if len(set(self.names)) != num:
            raise ValueError(
                f'the names of the datasets are {self.names}, but they must differ; set model.names'
            )
        if self.categories is not None:
            self._check_categories(self.categories)
        num_expert = getattr(self.backbone, 'num_expert', num)
        if num_expert != num:
            raise ValueError(
                f'the model has {num} heads but the backbone {num_expert} experts; set '
                f'model.backbone.num_expert={num}'
            )
        if self.pretrained_metas and self.pretrained is None:
            raise ValueError(
                'model.pretrained_metainfo lists the skeletons of a checkpoint, but there is '
                'none; set model.pretrained'
            )
        for i, (head, dataset_meta) in enumerate(zip(self.heads, self.metas, strict=True)):
            self._check_head(i, head, dataset_meta)

    def _check_categories(self, categories: list[dict[str, int]]) -> None:
        ids = [number for own in categories for number in own.values()]
        names = [name for own in categories for name in own]
        is_one_each = len(set(ids)) == len(set(names)) == len(ids)
        if len(categories) != len(self.heads) or not all(categories) or not is_one_each:
            raise ValueError(
                f'model.categories is {categories} for {len(self.heads)} heads; give each head a '
                'dict of its categories, name to id, and a category one head'
            )

    def _check_head(self, index: int, head: nn.Module, dataset_meta: DatasetMeta) -> None:
        if head.num_keypoints != dataset_meta.num_keypoints:
            raise ValueError(
                f"head {index} has {head.num_keypoints} keypoints but '{dataset_meta.name}' has "
                f'{dataset_meta.num_keypoints}; set '
                f'model.heads[{index}].{head.size_option(dataset_meta.num_keypoints)}'
            )
        if not self.clean and not head.uses_target_weight:
            raise ValueError(
                f'head {index} has a loss with use_target_weight=False, which would train it on '
                'the samples of the other datasets; set it to True, or set model.clean=True'
            )


def _fit_keypoints(values: Tensor, num_keypoints: int) -> Tensor:
    """Returns (B, K, ...) of (B, Kmax, ...): cut, or with zeros where Kmax is less than K."""
    missing = num_keypoints - values.shape[1]
    if missing <= 0:
        return values[:, :num_keypoints]
    return F.pad(values, (0, 0) * (values.ndim - 2) + (0, missing))


def _own_loss(
    head: nn.Module, features: Tensor, keypoints: Tensor, keypoints_visible: Tensor, rows: Tensor
) -> dict[str, Tensor]:
    """Returns the loss of some samples; of none, a zero that still reaches every parameter."""
    if len(rows):
        return head.loss(features[rows], keypoints[rows], keypoints_visible[rows])
    return {'loss': 0 * sum(parameter.sum() for parameter in head.parameters())}


def _take(value: Tensor | list, rows: list[int]) -> Tensor | list:
    return value[rows] if isinstance(value, Tensor) else [value[row] for row in rows]
