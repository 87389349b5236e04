"""Teacher of a training, from ``model.teacher`` of its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config

from mmpose.backends.load import load_backend
from mmpose.backends.model_names import find_model
from mmpose.backends.pytorch import TorchBackend
from mmpose.datasets.transforms import AddTeacherKeypoints
from mmpose.engine.runner import PoseRunner
from mmpose.models.distillation import NetworkTeacher, PoseTeacher

WEIGHTS = ('loss_weight', 'token_weight')


def attach_teacher(runner: PoseRunner, options: Mapping[str, Any]) -> str:
    """Gives the model of a training its teacher and returns a sentence on it.

    Args:
        runner: Of the training.
        options: ``model.teacher`` of the config. ``config`` and ``checkpoint`` name a network as
            ``find_model`` takes them, ``dataset`` which of its heads; ``predictions`` is instead
            the file of ``AddTeacherKeypoints``, ``metainfo`` the skeleton of its poses.
            ``loss_weight`` and ``token_weight`` are those of ``NetworkTeacher``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the teacher has no weights, or does not fit the student.
    """
    student = runner.bare_model
    weights = {key: options[key] for key in WEIGHTS if key in options}
    if options.get('predictions'):
        student.teacher = PoseTeacher(student, **weights)
        return _coverage(runner.train_dataloader.dataset)
    wanted, dataset = (options['config'], options.get('checkpoint')), options.get('dataset')
    device, trust = student.flip_indices.device, runner.cfg.get('trust_checkpoint', False)
    try:
        source = find_model(*wanted, dataset)
        if source.config is None or source.checkpoint is None:
            raise ValueError(
                f"'{source.name}' is an exported file; give config and checkpoint of the network"
                if source.config is None
                else f"'{source.name}' has no weights; set model.teacher.checkpoint"
            )
        backend = load_backend(*wanted, device, dataset, flip_test=False, trust_checkpoint=trust)
        assert isinstance(backend, TorchBackend)
        student.teacher = NetworkTeacher(backend.model, student, **weights)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f'model.teacher: {error}') from error
    return f'teacher: {source.config} with {source.checkpoint}, frozen'


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
    step = dict(type=name, file=teacher['predictions'], source=teacher.get('metainfo'))
    step['metainfo'] = cfg.model.get('metainfo', 'coco')
    dataset.pipeline = [*(x for x in dataset.pipeline if x['type'] != name), step]


def _coverage(dataset: Any) -> str:
    """Returns how many training samples have a pose; refuses a file that has none of them."""
    (step,) = (x for x in dataset.pipeline.transforms if isinstance(x, AddTeacherKeypoints))
    ids = dataset.store.ann_ids[dataset.indices]
    found = int(np.isin(ids, list(step.rows)).sum())
    if not found:
        raise ValueError(
            f'model.teacher.predictions has {len(step.rows)} poses, but none of an annotation in '
            f'{dataset.ann_file}; predict on that file (tools/test.py --test-ann-file)'
        )
    return f'teacher: a file with the poses of {found} of {len(ids)} training samples'
