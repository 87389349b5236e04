"""Calibration of a checkpoint: its scores become probabilities, measured on held-out images."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from numpy.typing import NDArray

from mmpose.backends import init_model
from mmpose.checkpoint_tools.convert_file import plain_values
from mmpose.checkpoints.io import checkpoint_sha256, read_checkpoint
from mmpose.datasets import KeypointDataset
from mmpose.datasets.coco import DETECTED_BOXES
from mmpose.engine.checkpoint_files import write_atomically
from mmpose.engine.runner import PoseRunner
from mmpose.evaluation.functional import find_instances
from mmpose.evaluation.functional.calibration import (
    OKS_TOLERANCE,
    PCK_TOLERANCE,
    area_under_roc,
    fit_calibration,
    keypoint_similarities,
    reliability,
)
from mmpose.evaluation.metrics import primary_metric
from mmpose.models import TopdownPoseEstimator
from mmpose.models.calibration import (
    SCORE_RANGE,
    WITHIN,
    Confidence,
    ScoreCalibration,
    heatmap_sigmas,
)
from mmpose.models.pose_estimators.results import batch_to_results
from mmpose.registry import METRICS
from mmpose.structures import PoseResult
from mmpose.structures.output_files import writing
from mmpose.structures.progress import track
from mmpose.visualization.reliability import plot_reliability

IN_TWO_SIGMA = 1 - np.exp(-2)  # of a Gaussian in the plane


def calibrate_checkpoint(
    cfg: Config,
    checkpoint: str,
    out: str | Path | None = None,
    device: str = 'cpu',
    trust_checkpoint: bool = False,
) -> str:
    """Fits the curves of a checkpoint on the validation set, writes a calibrated one, and reports.

    The figures are of images that the curves were not fitted to: each half of the images has the
    curves of the other half. The checkpoint has those of all images. Beside it go the figures,
    ``.json``, and the reliability diagram, ``.png``.

    Args:
        cfg: A whole config of a model of one dataset.
        checkpoint: File or address.
        out: ``.pth`` file; None is ``<name>_calibrated.pth`` beside the checkpoint.
        device: Such as ``cuda``.
        trust_checkpoint: Whether the checkpoint may run code.

    Raises:
        FileExistsError: If an output is an input, or somebody else's file.
        ValueError: If the model or the data are of several datasets, or the data cannot tell.
    """
    if not (cfg.get('val_dataloader') and cfg.get('val_evaluator')):
        raise ValueError(
            'the config has no val_dataloader or val_evaluator (as that of a run with '
            'train_cfg.val_interval=0), on which scores are calibrated; give the config it is from'
        )
    if 'heads' in cfg.model or 'datasets' in cfg.val_dataloader.dataset:
        raise ValueError(
            'the config is for several datasets, but scores are calibrated on one; take the model '
            'of one apart with tools/model_split.py and give its config'
        )
    target = _target_of(checkpoint, out)
    files = [target, target.with_suffix('.json'), target.with_suffix('.png')]
    made = writing(*files, inputs=[checkpoint, cfg.filename])
    lines = _take_annotated_boxes(cfg.val_dataloader.dataset)
    model = init_model(cfg, checkpoint, device, trust_checkpoint=trust_checkpoint)
    model.calibration = None  # of a checkpoint that is calibrated already
    poses, dataset = _predict(cfg, model)
    _warn_of_training_data(cfg, dataset)

    samples = _Samples.pair(poses, dataset)
    model.calibration = samples.fitted()
    report, panels = _figures(cfg, samples, dataset)
    slopes = model.calibration.coefficients[WITHIN, :, 0].tolist()
    named = zip(dataset.dataset_meta.keypoint_names, slopes, strict=True)
    report['temperature'] = {name: 1 / slope for name, slope in named}

    target.parent.mkdir(parents=True, exist_ok=True)
    meta = plain_values(read_checkpoint(checkpoint, trust_checkpoint).get('meta') or {})
    meta |= {'calibrated_on': report['data'], 'source_sha256': checkpoint_sha256(checkpoint)}
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    write_atomically({'state_dict': state, 'meta': meta}, target)
    files[1].write_text(json.dumps(report, indent=2) + '\n')
    plot_reliability(panels, files[2])
    made.record()
    lines += [*_sentences(report), f'checkpoint: {target}', f'figures: {files[1]}, {files[2]}']
    return '\n'.join(lines)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Raw poses of N instances and the similarities (N, K) of their keypoints to the annotations.

    Attributes:
        halves: (N,), 0 or 1; images are not torn apart.
        errors_px: (N, K), img px.
    """

    poses: list[PoseResult]
    halves: NDArray[np.int64]
    similarities: NDArray[np.float64]
    errors_px: NDArray[np.float64]

    @classmethod
    def pair(cls, poses: list[PoseResult], dataset: KeypointDataset) -> _Samples:
        gt = dataset.ground_truth()
        ids = (np.array([getattr(pose, name) for pose in poses]) for name in ('ann_id', 'img_id'))
        gt = gt.take(find_instances(gt, *ids, 'calibration'))
        images, places = np.unique(gt.image_id, return_inverse=True)
        if len(images) < 2:
            raise ValueError(
                'the validation set has one image, but a calibration is measured on images that it '
                'was not fitted to; set val_dataloader.dataset.ann_file to more'
            )
        halves = np.random.default_rng(0).permutation(np.arange(len(images)) % 2)[places]
        keypoints = _stacked(poses, 'keypoints')
        similarities = keypoint_similarities(keypoints, gt, dataset.dataset_meta.sigmas)
        errors_px = np.linalg.norm(keypoints - gt.keypoints, axis=2)
        return cls(poses, halves, similarities, errors_px)

    def fitted(self, half: int | None = None) -> ScoreCalibration:
        """Returns the curves of all images, or of a half of them."""
        rows = self.halves == half if half is not None else slice(None)
        scores = _stacked(self.poses, 'keypoint_scores').clip(*SCORE_RANGE)
        calibration = ScoreCalibration(scores.shape[1])
        coefficients = fit_calibration(scores[rows], self.similarities[rows])
        calibration.coefficients = torch.from_numpy(coefficients).float()
        return calibration

    def calibrated(self) -> list[PoseResult]:
        """Returns the poses with the scores that the curves of the other half give."""
        poses = list(self.poses)
        curves = [self.fitted(1), self.fitted(0)]
        for i, (pose, half) in enumerate(zip(poses, self.halves, strict=True)):
            (scores,), pose_score = curves[half](torch.from_numpy(pose.keypoint_scores)[None])
            poses[i] = replace(pose, keypoint_scores=scores.numpy(), pose_score=pose_score.item())
        return poses


def _stacked(poses: list[PoseResult], name: str) -> NDArray[np.float64]:
    return np.stack([getattr(pose, name) for pose in poses]).astype(np.float64)


def _figures(
    cfg: Config, samples: _Samples, dataset: KeypointDataset
) -> tuple[dict[str, Any], dict[str, tuple[NDArray[np.float64], float]]]:
    """Returns the figures for JSON, and the tables of the reliability diagram."""
    both = {'before': samples.poses, 'after': samples.calibrated()}
    labelled = np.isfinite(samples.similarities)
    hits = samples.similarities[labelled] >= OKS_TOLERANCE
    panels = {
        when: reliability(_stacked(poses, 'keypoint_scores')[labelled].clip(0, 1), hits)
        for when, poses in both.items()
    }
    name, values = _metrics_of(cfg, dataset, both)
    has_sigmas = dataset.dataset_meta.sigmas is not None
    report = {
        'data': str(dataset.ann_file),
        'images': len({pose.img_id for pose in samples.poses}),
        'keypoints': int(labelled.sum()),
        'tolerance': {'OKS': OKS_TOLERANCE} if has_sigmas else {'PCK': PCK_TOLERANCE},
        'expected_calibration_error': {when: error for when, (_, error) in panels.items()},
        'metric': name,
        name: values,
    }
    first = samples.poses[0]
    if first.sigma_px is not None:
        is_near = samples.errors_px <= 2 * _stacked(samples.poses, 'sigma_px')
        report['within_two_sigma_px'] = float(is_near[labelled].mean())
    if first.visibility is not None:
        report['visibility_auroc'] = _visibility_auroc(samples.poses, dataset)
    return report, panels


def _sentences(report: dict[str, Any]) -> list[str]:
    error, metric = report['expected_calibration_error'], report['metric']
    values = report[metric]
    ((kind, limit),) = report['tolerance'].items()
    lines = [
        f'{report["keypoints"]} labelled keypoints in {report["images"]} images of '
        f'{report["data"]}; each half of the images is measured with the curves of the other',
        f'a score is the probability that a keypoint is within {kind} {limit:g}',
        f'expected calibration error {error["before"]:.4f} before, {error["after"]:.4f} after',
        f'{metric} {values["before"]:.4f} before, {values["after"]:.4f} after',
    ]
    if 'within_two_sigma_px' in report:
        lines.append(
            f'{report["within_two_sigma_px"]:.1%} of the keypoints lie within two sigma_px '
            f'({IN_TWO_SIGMA:.1%} if errors were Gaussian and sigma_px right)'
        )
    if 'visibility_auroc' in report:
        auroc = report['visibility_auroc']
        said = 'not defined, as the annotations have only one of them'
        lines.append(f'visible or occluded: AUROC {said if auroc is None else f"{auroc:.4f}"}')
    return lines


def _target_of(checkpoint: str, out: str | Path | None) -> Path:
    if out is None and '://' in checkpoint:
        raise ValueError(f"'{checkpoint}' is no local file; say by --out where to write")
    given = Path(checkpoint)
    target = given.with_name(f'{given.stem}_calibrated.pth') if out is None else Path(out)
    if target.suffix != '.pth':
        raise ValueError(f"'{target}' should end in .pth, as a checkpoint")
    return target


def _take_annotated_boxes(dataset: dict[str, Any]) -> list[str]:
    """Drops detected boxes, whose poses have no annotation, and returns a sentence on it."""
    name = dataset.get('bbox_file')
    for key in DETECTED_BOXES:
        dataset.pop(key, None)
    return [f'the annotated boxes are taken, not those of {name}'] if name else []


def _warn_of_training_data(cfg: Config, dataset: KeypointDataset) -> None:
    train = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    files = [
        os.path.realpath(os.path.join(part.get('data_root', ''), part.get('ann_file', '')))
        for part in train.get('datasets', [train])
    ]
    if os.path.realpath(dataset.ann_file) in files:
        warnings.warn(
            f'{dataset.ann_file} is what the model was trained on, where its scores are right more '
            'often than elsewhere; set val_dataloader.dataset.ann_file to other annotations',
            stacklevel=3,
        )


@torch.inference_mode()
def _predict(cfg: Config, model: TopdownPoseEstimator) -> tuple[list[PoseResult], KeypointDataset]:
    """Returns the raw poses of the validation set, with what the heatmaps say of their spread."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        loader = PoseRunner.build_dataloader(dict(cfg.val_dataloader))
    poses: list[PoseResult] = []
    for data in track(loader, 'batches'):
        found = model.backend.predict(data['inputs'], with_heatmaps=True)
        confidence = found.confidence or Confidence()
        if found.heatmaps is not None and model.head.decoder is not None:
            spread = heatmap_sigmas(found.heatmaps, found.keypoints, model.head.decoder)
            confidence = replace(confidence, sigma_in=spread)
        poses += batch_to_results(
            found.keypoints, found.keypoint_scores, data['batch'], model.backend, confidence
        )
    return poses, loader.dataset


def _metrics_of(
    cfg: Config, dataset: KeypointDataset, both: dict[str, list[PoseResult]]
) -> tuple[str, dict[str, float]]:
    """Returns the name of the primary metric, and its value before and after."""
    evaluators = cfg.val_evaluator
    with DefaultScope.overwrite_default_scope('mmpose'):
        metric = METRICS.build(evaluators if isinstance(evaluators, dict) else evaluators[0])
    metric.dataset_meta = dataset.metainfo
    values = {}
    for when, poses in both.items():
        metric.process(None, poses)
        found = metric.evaluate(len(dataset))
        name = primary_metric(list(found))
        values[when] = found[name]
    return name, values


def _visibility_auroc(poses: list[PoseResult], dataset: KeypointDataset) -> float | None:
    """Returns the area under the ROC of visible against occluded keypoints, all together."""
    store = dataset.store
    flag_of = dict(zip(store.ann_ids.tolist(), store.keypoints_visible, strict=True))
    flags = np.stack([flag_of[pose.ann_id] for pose in poses])
    visible, occluded, _ = np.stack([pose.visibility for pose in poses]).transpose(2, 0, 1)
    share = visible / np.maximum(visible + occluded, 1e-9)
    return area_under_roc(share[flags > 0], flags[flags > 0] == 2)
