"""Teacher of a training, from ``model.teacher`` of its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from mmpose.backends.load import load_backend
from mmpose.backends.model_names import ModelSource, find_model
from mmpose.backends.pytorch import TorchBackend
from mmpose.datasets.transforms import AddTeacherKeypoints
from mmpose.models.distillation import NetworkTeacher, PoseTeacher
from mmpose.models.pose_estimators import TopdownPoseEstimator

WEIGHTS = ('loss_weight', 'token_weight')


def attach_teacher(
    model: TopdownPoseEstimator, options: Mapping[str, Any], trust: bool = False
) -> str:
    """Gives a student its teacher and returns a sentence on it.

    Args:
        model: The student, on its device.
        options: ``model.teacher`` of the config. ``config`` and ``checkpoint`` name a network as
            ``find_model`` takes them, ``dataset`` which of its heads; ``predictions`` is instead
            the file of ``AddTeacherKeypoints``, ``metainfo`` the skeleton of its poses.
            ``loss_weight`` and ``token_weight`` are those of ``NetworkTeacher``.
        trust: Whether the checkpoint may run code when it is read.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the teacher has no weights, or does not fit the student.
    """
    weights = {key: options[key] for key in WEIGHTS if key in options}
    if options.get('predictions'):
        model.teacher = PoseTeacher(model, **weights)
        return f'teacher: the poses of {options["predictions"]}'
    try:
        backend, source = _load(options, model.flip_indices.device, trust)
        model.teacher = NetworkTeacher(backend.model, model, **weights)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f'model.teacher: {error}') from error
    return f'teacher: {source.config} with {source.checkpoint}, frozen'


def _load(
    options: Mapping[str, Any], device: torch.device, trust: bool
) -> tuple[TorchBackend, ModelSource]:
    wanted, dataset = (options['config'], options.get('checkpoint')), options.get('dataset')
    source = find_model(*wanted, dataset)
    if source.checkpoint is None:
        raise ValueError(f"'{source.name}' has no weights; set model.teacher.checkpoint")
    backend = load_backend(*wanted, device, dataset, flip_test=False, trust_checkpoint=trust)
    if not isinstance(backend, TorchBackend):
        raise ValueError(
            f"'{source.name}' is an exported file; give the config and the checkpoint that it was "
            'made of'
        )
    return backend, source


def add_teacher_poses(cfg: Config) -> None:
    """Lets the training samples have the poses of ``model.teacher.predictions``, if that is set.

    Args:
        cfg: Changed in place. The config of a run that is resumed has them already.

    Raises:
        ValueError: If the training set is a mixture.
    """
    teacher = cfg.model.get('teacher') or {}
    if not teacher.get('predictions'):
        return
    dataset, name = cfg.train_dataloader.dataset, AddTeacherKeypoints.__name__
    if 'datasets' in dataset:
        raise ValueError(
            'model.teacher.predictions has poses by the ids of annotations, which are unique in '
            'one dataset only; train on one, or set model.teacher.config'
        )
    metainfo = cfg.model.get('metainfo', 'coco')
    step = dict(type=name, file=teacher.predictions, metainfo=metainfo)
    step['source'] = teacher.get('metainfo')
    dataset.pipeline = [*(x for x in dataset.pipeline if x['type'] != name), step]


def describe_coverage(dataset: Any) -> str:
    """Returns how many samples of a training set have a pose of the teacher.

    Raises:
        ValueError: If none has.
    """
    ids = dataset.store.ann_ids[dataset.indices]
    (step,) = (x for x in dataset.pipeline.transforms if isinstance(x, AddTeacherKeypoints))
    found = int(np.isin(ids, list(step.rows)).sum())
    if not found:
        raise ValueError(
            f'model.teacher.predictions has {len(step.rows)} poses, but none of an annotation in '
            f'{dataset.ann_file}; predict on that file (tools/test.py --test-ann-file)'
        )
    return f'{found} of {len(ids)} training samples have a pose of the teacher'
