"""Base class of pose estimators: backbone, neck, and a forward method with three modes."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmpose.checkpoints.model_folder import push_folder, save_folder
from mmpose.checkpoints.pretrained import load_pretrained
from mmpose.metainfo import load_metainfo
from mmpose.models.frozen import FrozenParts
from mmpose.models.heads import PoseHead
from mmpose.models.lora import add_lora
from mmpose.registry import MODELS
from mmpose.structures import DatasetMeta, PoseResult

Config = dict[str, Any]
Batch = dict[str, Any]
NUM_COLORS = 3
TEST_OPTIONS = {'flip_test', 'flip_mode', 'shift_heatmap'}


class PoseEstimator(FrozenParts, BaseModel):
    """Base class of pose estimators: a backbone and a neck, behind which a subclass puts heads.

    A subclass says what its heads are, ``named_heads``, and what the three modes of :meth:`forward`
    give: ``forward_heads``, ``loss`` and ``predict``.

    Args:
        backbone: Config of a backbone: images (B, 3, h, w) to features (B, C, H', W').
        neck: Config of a module behind it, if any.
        data_preprocessor: Config of the preprocessor.
        flip_test: Whether prediction averages the outputs for each image and its mirror image;
            None is what ``test_cfg`` says, True without it.
        pretrained: Checkpoint of a backbone, path or URL.
        trust_checkpoint: Whether ``pretrained`` may be a pickle that runs code.
        pretrained_metainfo: Skeletons of the heads of ``pretrained`` that are to be loaded too.
        test_cfg: ``flip_test`` (False by default), ``flip_mode`` and ``shift_heatmap`` as MMPose
            has them.
        use_dataset_keypoint_weights: Whether the weights in the skeletons multiply those of the
            targets, as MMPose's ``GenerateTarget`` does if asked to.
        lora: Arguments of ``add_lora``, for low-rank adapters beside a frozen backbone; None has
            none.

    Attributes:
        loaded_parts: Names of the parts that ``init_weights`` has loaded from ``pretrained``.
        rests_frozen_norms: Whether batch norms with frozen weights keep their statistics too.

    Raises:
        ValueError: If ``test_cfg`` contradicts ``flip_test`` or has an unknown option.
    """

    rests_frozen_norms = False

    def __new__(cls, *args: Any, **kwargs: Any) -> PoseEstimator:
        """Returns an instance that knows the config that builds it, as ``init_args``."""
        model = super().__new__(cls)
        names = list(signature(cls.__init__).parameters)[1:]
        model.init_args = copy.deepcopy(dict(zip(names, args, strict=False)) | kwargs)
        return model

    def __init__(
        self,
        backbone: Config,
        neck: Config | None = None,
        data_preprocessor: Config | None = None,
        flip_test: bool | None = None,
        pretrained: str | None = None,
        trust_checkpoint: bool = False,
        pretrained_metainfo: Sequence[str | DatasetMeta] = (),
        test_cfg: Config | None = None,
        use_dataset_keypoint_weights: bool = False,
        lora: Config | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor or dict(type='PoseDataPreprocessor')))
        self.backbone = MODELS.build(backbone)
        if lora is not None:
            add_lora(self.backbone, **lora)
            self.rests_frozen_norms = True
        self.neck = MODELS.build(neck) if neck is not None else None
        self.flip_test = _flip_test_of(flip_test, test_cfg)
        self._flip_options = {k: v for k, v in (test_cfg or {}).items() if k != 'flip_test'}
        self.use_dataset_keypoint_weights = use_dataset_keypoint_weights
        self.pretrained = pretrained
        self.trust_checkpoint = trust_checkpoint
        self.pretrained_metas = [load_metainfo(metainfo) for metainfo in pretrained_metainfo]
        self.loaded_parts: frozenset[str] = frozenset()

    def save_pretrained(self, folder: str | os.PathLike[str], **card: Any) -> Path:
        """Writes the model for ``PoseInferencer.from_pretrained`` and returns its folder.

        Args:
            folder: See ``save_folder``, also for the errors.
            card: Of the model card, such as ``metrics={'coco/AP': 0.758}``; see ``model_card``.
        """
        return save_folder(folder, self.state_dict(), self._config_for_others(), **card)

    def push_to_hub(
        self,
        repo_id: str,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        **card: Any,
    ) -> str:
        """Uploads the model to the Hugging Face hub and returns the address of the commit.

        Arguments are those of ``push_folder`` and of :meth:`save_pretrained`, and so are errors.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, name=repo_id, **card)
            return push_folder(folder, repo_id, private, token, revision, commit_message)

    def _config_for_others(self) -> Config:
        cfg, backend = dict(getattr(self, 'cfg', None) or {}), getattr(self, 'backend', None)
        if not cfg:
            raise ValueError(
                'the model does not know the config that says how its crops are cut; load it with '
                'init_model, or set model.cfg to its config'
            )
        cfg['model'] = dict(type=type(self).__name__, **self.init_args)
        if backend is not None:  # whose crops are those of one dataset
            affine = dict(input_size=backend.input_size, use_udp=backend.use_udp)
            steps = [dict(type='LoadImage')]
            steps += [dict(type='GetBBoxCenterScale', padding=backend.padding)]
            steps += [dict(type='TopdownAffine', fix_aspect=not backend.stretch, **affine)]
            cfg |= dict(val_dataloader=None, val_pipeline=steps)
        return cfg

    def init_weights(self) -> None:
        """Initialises what starts at random and loads ``pretrained``."""
        for part in (self.backbone, self.neck, *self.all_heads()):
            if hasattr(part, 'init_weights'):
                part.init_weights()
        if self.pretrained is not None:
            self.loaded_parts = load_pretrained(
                self, self.pretrained, self.trust_checkpoint, self.pretrained_metas
            )

    def _frozen_modules(self) -> list[nn.Module]:
        norms = [module for module in self.modules() if isinstance(module, _BatchNorm)]
        frozen = [norm for norm in norms if norm.affine and not norm.weight.requires_grad]
        return frozen if self.rests_frozen_norms else []

    def _set_head_options(self) -> None:
        """Hands flip options and the weights of keypoints to the heads, once they are built."""
        for _, head, dataset_meta in self.named_heads():
            head.set_flip_options(self._flip_options)
            if self.use_dataset_keypoint_weights:
                head.weight_keypoints(
                    torch.from_numpy(dataset_meta.dataset_keypoint_weights.copy())
                )

    def extract_feat(self, inputs: Tensor, dataset_idx: Tensor | None = None) -> Any:
        """Returns the features that the heads read: (B, C, H', W'), the last of several maps.

        Where the heads take all maps it is a tuple, also of one.

        Args:
            inputs: (B, 3, h, w), normalised.
            dataset_idx: (B,) int64, read by a backbone with a part per dataset only.
        """
        if getattr(self.backbone, 'takes_dataset_idx', False):
            features = self.backbone(inputs, dataset_idx)
        else:
            features = self.backbone(inputs)
        maps = features if self.neck is None else self.neck(features)
        if any(head.takes_maps for head in self.all_heads()):
            return (maps,) if isinstance(maps, Tensor) else tuple(maps)
        return maps if isinstance(maps, Tensor) else maps[-1]

    def forward(
        self, inputs: Tensor, batch: Batch | None = None, mode: str = 'tensor'
    ) -> Tensor | list[Tensor] | dict[str, Tensor] | list[PoseResult]:
        """Returns raw outputs of the heads, losses or poses.

        Args:
            inputs: (B, 3, h, w), normalised.
            batch: What the collate function gives beside the images; ``mode='tensor'`` needs none.
            mode: ``tensor`` for the outputs of the heads (heatmaps), ``loss`` for a dict of losses,
                ``predict`` for one ``PoseResult`` a crop.
        """
        if mode == 'tensor':
            return self.forward_heads(inputs, self.condition_of(batch or {}))
        if batch is None:
            raise ValueError(f"mode '{mode}' needs the batch that the collate function makes")
        if mode == 'loss':
            return self.loss(inputs, batch)
        if mode == 'predict':
            return self.predict(inputs, batch)
        raise ValueError(f"mode is '{mode}', expected 'tensor', 'loss' or 'predict'")

    def condition_of(self, batch: Batch) -> Tensor | None:
        """Returns what the network reads of each sample besides its image, (B,) int64."""
        return batch.get('dataset_idx')

    @property
    def num_channels(self) -> int:
        """Channels of a crop: its colours, and the condition where the backbone reads one."""
        return NUM_COLORS + getattr(self.backbone, 'condition_chans', 0)

    def all_heads(self) -> list[PoseHead]:
        """Returns the heads in the order of their datasets."""
        return [head for _, head, _ in self.named_heads()]

    def named_heads(self) -> list[tuple[str, PoseHead, DatasetMeta]]:
        """Returns the heads in the order of their datasets, with a name and their skeleton."""
        raise NotImplementedError

    def forward_heads(
        self, inputs: Tensor, dataset_idx: Tensor | None = None
    ) -> Tensor | list[Tensor]:
        """Returns the plain output of the network for normalised images (B, 3, h, w)."""
        raise NotImplementedError

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns losses, whose names hold 'loss', and metrics to watch."""
        raise NotImplementedError

    def predict(self, inputs: Tensor, batch: Batch) -> list[PoseResult]:
        """Returns the pose of each crop in image coordinates, in the order of the batch."""
        raise NotImplementedError


def _flip_test_of(flip_test: bool | None, test_cfg: Config | None) -> bool:
    if test_cfg is None:
        return flip_test is not False
    unknown = sorted(test_cfg.keys() - TEST_OPTIONS)
    if unknown:
        raise ValueError(
            f'model.test_cfg has {", ".join(unknown)}, expected {", ".join(sorted(TEST_OPTIONS))}'
        )
    wanted = bool(test_cfg.get('flip_test', flip_test or False))
    if flip_test is not None and wanted != flip_test:
        raise ValueError(
            f'model.flip_test is {flip_test} but model.test_cfg.flip_test is {wanted}; remove one'
        )
    return wanted
