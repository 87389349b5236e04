"""Calibration of a checkpoint: its scores become probabilities, measured on held-out images."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from mmpose.coco.keypoint_arrays import KeypointGroundTruth
from mmpose.datasets import KeypointDataset
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

DETECTED = ('bbox_file', 'bbox_score_thr', 'bbox_format')  # of a dataset of detected boxes
IN_TWO_SIGMA = 1 - np.exp(-2)  # of a Gaussian in the plane


@dataclass(frozen=True)
class CalibrationReport:
    """Figures of a calibration, each on images that the curves were not fitted to.

    Attributes:
        checkpoint: File that was written.
        data: Annotation file of the images.
        num_images: Images; a half of them is measured with the curves of the other half.
        num_keypoints: Labelled keypoints.
        tolerance: What counts as a hit.
        ece: Expected calibration error before and after.
        metric: Name of the primary metric of the config.
        metrics: Its value before and after.
        temperatures: 1 / slope of each keypoint by its name, of the curves that were written.
        within_two_sigma: Share of labelled keypoints at most two ``sigma_px`` from their
            annotation; None without heatmaps.
        visibility_auroc: Area under the ROC of visible against occluded keypoints; None without a
            visibility head, or with one of the classes only.
        notes: For the user, one sentence each.
    """

    checkpoint: str
    data: str
    num_images: int
    num_keypoints: int
    tolerance: str
    ece: tuple[float, float]
    metric: str
    metrics: tuple[float, float]
    temperatures: dict[str, float]
    within_two_sigma: float | None
    visibility_auroc: float | None
    notes: tuple[str, ...]

    def __str__(self) -> str:
        (before, after), (old, new) = self.ece, self.metrics
        lines = [f'note: {note}' for note in self.notes]
        lines += [
            f'{self.num_keypoints} labelled keypoints in {self.num_images} images of {self.data}, '
            'half of the images measured with what the other half gave',
            f'score: probability of {self.tolerance}',
            f'expected calibration error {before:.4f} before, {after:.4f} after',
            f'{self.metric} {old:.4f} before, {new:.4f} after',
        ]
        if self.within_two_sigma is not None:
            lines.append(
                f'{self.within_two_sigma:.1%} of the keypoints lie within two sigma_px '
                f'({IN_TWO_SIGMA:.1%} if errors were Gaussian and sigma_px right)'
            )
        if self.visibility_auroc is not None:
            lines.append(f'visible or occluded: AUROC {self.visibility_auroc:.4f}')
        return '\n'.join([*lines, f'checkpoint: {self.checkpoint}'])


def calibrate_checkpoint(
    cfg: Config,
    checkpoint: str,
    out: str | Path | None = None,
    *,
    device: str = 'cpu',
    seed: int = 0,
    trust_checkpoint: bool = False,
) -> CalibrationReport:
    """Fits the curves of a checkpoint on the validation set and writes a calibrated one.

    Beside it go the figures, ``.json``, and the reliability diagram, ``.png``.

    Args:
        cfg: A whole config of a model of one dataset.
        checkpoint: File or address.
        out: ``.pth`` file; None is ``<name>_calibrated.pth`` beside the checkpoint.
        device: Such as ``cuda``.
        seed: Of the halves that the images are dealt into.
        trust_checkpoint: Whether the checkpoint may run code.

    Raises:
        FileExistsError: If an output is an input, or somebody else's file.
        ValueError: If the model or the data are of several datasets, or the data cannot tell.
    """
    if 'heads' in cfg.model or 'datasets' in cfg.val_dataloader.dataset:
        raise ValueError(
            'the config is for several datasets, but scores are calibrated on one; take the model '
            'of one apart with tools/model_split.py and give its config'
        )
    target = _target_of(checkpoint, out)
    files = [target, target.with_suffix('.json'), target.with_suffix('.png')]
    made = writing(*files, inputs=[checkpoint, cfg.filename])
    notes = _drop_detections(cfg.val_dataloader.dataset)
    model = init_model(cfg, checkpoint, device, trust_checkpoint=trust_checkpoint)
    model.calibration = None  # of a checkpoint that is calibrated already
    poses, dataset = _predict(cfg, model)
    for warning in _training_notes(cfg, dataset):
        warnings.warn(warning, stacklevel=2)
    samples = _Samples.pair(poses, dataset)
    folds = _fold_of_images(samples.gt.image_id, seed)
    calibrated = _calibrate_across(samples, folds)
    before, after = (
        reliability(np.clip(x[samples.labelled], 0, 1), samples.within[samples.labelled])
        for x in (samples.scores, np.stack([pose.keypoint_scores for pose in calibrated]))
    )
    metric, values = _metrics_of(cfg, dataset, (poses, calibrated))
    model.calibration = ScoreCalibration(model.head.num_keypoints)
    model.calibration.coefficients = torch.from_numpy(samples.fit()).float()
    slopes = model.calibration.coefficients[WITHIN, :, 0].tolist()
    names = dataset.dataset_meta.keypoint_names
    auroc = samples.visibility_auroc(dataset)
    if model.visibility_head is not None and auroc is None:
        notes.append(
            'the labelled keypoints are all visible or all occluded, so that AUROC is none'
        )
    report = CalibrationReport(
        checkpoint=str(target),
        data=str(dataset.ann_file),
        num_images=len(np.unique(samples.gt.image_id)),
        num_keypoints=int(samples.labelled.sum()),
        tolerance=_tolerance(samples.sigmas),
        ece=(before[1], after[1]),
        metric=metric,
        metrics=values,
        temperatures={name: 1 / slope for name, slope in zip(names, slopes, strict=True)},
        within_two_sigma=samples.within_two_sigma(),
        visibility_auroc=auroc,
        notes=tuple(notes),
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(model, checkpoint, target, report, trust_checkpoint)
    plot_reliability({'before': before, 'after': after}, files[2])
    made.record()
    return report


@dataclass(frozen=True, eq=False)
class _Samples:
    """Poses with their annotations, N instances.

    Attributes:
        poses: As the model gives them.
        gt: Row by row.
        sigmas: (K,). OKS constants; None where the skeleton has none.
        scores: (N, K), raw.
        similarities: (N, K), NaN where a keypoint is not labelled.
    """

    poses: list[PoseResult]
    gt: KeypointGroundTruth
    sigmas: NDArray[np.floating] | None
    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]

    @classmethod
    def pair(cls, poses: list[PoseResult], dataset: KeypointDataset) -> _Samples:
        gt, sigmas = dataset.ground_truth(), dataset.dataset_meta.sigmas
        ids = np.array([pose.ann_id for pose in poses])
        images = np.array([pose.img_id for pose in poses])
        gt = gt.take(find_instances(gt, ids, images, 'calibration'))
        keypoints = np.stack([pose.keypoints for pose in poses]).astype(np.float64)
        scores = np.stack([pose.keypoint_scores for pose in poses]).astype(np.float64)
        return cls(poses, gt, sigmas, scores, keypoint_similarities(keypoints, gt, sigmas))

    @property
    def labelled(self) -> NDArray[np.bool_]:
        return np.isfinite(self.similarities)

    @property
    def within(self) -> NDArray[np.bool_]:
        return self.similarities >= OKS_TOLERANCE

    def fit(self, rows: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.float64]:
        """Returns the coefficients that some rows give."""
        return fit_calibration(np.clip(self.scores, *SCORE_RANGE)[rows], self.similarities[rows])

    def within_two_sigma(self) -> float | None:
        if self.poses[0].sigma_px is None:
            return None
        keypoints, sigmas = (
            np.stack([getattr(pose, name) for pose in self.poses])
            for name in ('keypoints', 'sigma_px')
        )
        distances = np.linalg.norm(keypoints - self.gt.keypoints, axis=2)
        return float((distances <= 2 * sigmas)[self.labelled].mean())

    def visibility_auroc(self, dataset: KeypointDataset) -> float | None:
        if self.poses[0].visibility is None:
            return None
        flag_of = dict(
            zip(dataset.store.ann_ids.tolist(), dataset.store.keypoints_visible, strict=True)
        )
        flags = np.stack([flag_of[pose.ann_id] for pose in self.poses])
        visible, occluded, _ = np.stack([pose.visibility for pose in self.poses]).transpose(2, 0, 1)
        share = visible / np.maximum(visible + occluded, 1e-9)
        return area_under_roc(share[flags > 0], flags[flags > 0] == 2)


def _target_of(checkpoint: str, out: str | Path | None) -> Path:
    if out is None and '://' in checkpoint:
        raise ValueError(f"'{checkpoint}' is no local file; say by --out where to write")
    target = Path(checkpoint).with_suffix('') if out is None else Path(out)
    target = target.with_name(f'{target.name}_calibrated.pth') if out is None else target
    if target.suffix != '.pth':
        raise ValueError(f"'{target}' should end in .pth, as a checkpoint")
    return target


def _drop_detections(dataset: dict[str, Any]) -> list[str]:
    """Takes the annotated boxes, whose poses can be compared; returns what to say about it."""
    if not dataset.get('bbox_file'):
        return []
    name = dataset['bbox_file']
    for key in DETECTED:
        dataset.pop(key, None)
    return [f'the annotated boxes are taken, not those of {name}']


def _training_notes(cfg: Config, dataset: KeypointDataset) -> list[str]:
    train = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    parts = train.get('datasets', [train])
    files = {
        os.path.realpath(os.path.join(x.get('data_root', ''), x['ann_file']))
        for x in parts
        if 'ann_file' in x
    }
    if os.path.realpath(dataset.ann_file) not in files:
        return []
    return [
        f'{dataset.ann_file} is what the model was trained on, where its scores are better than '
        'anywhere else; calibrate on other images, val_dataloader.dataset.ann_file'
    ]


@torch.inference_mode()
def _predict(cfg: Config, model: Any) -> tuple[list[PoseResult], KeypointDataset]:
    """Returns the raw poses of the validation set, with what the heatmaps say of their spread."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        loader = PoseRunner.build_dataloader(dict(cfg.val_dataloader))
    poses: list[PoseResult] = []
    codec = model.head.decoder
    for data in track(loader, 'batches'):
        found = model.backend.predict(data['inputs'], with_heatmaps=codec is not None)
        confidence = found.confidence or Confidence()
        if codec is not None and confidence.sigma_in is None:
            sigmas = heatmap_sigmas(found.heatmaps, found.keypoints, codec)
            confidence = replace(confidence, sigma_in=sigmas)
        poses += batch_to_results(
            found.keypoints, found.keypoint_scores, data['batch'], model.backend, confidence
        )
    return poses, loader.dataset


def _fold_of_images(image_ids: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Returns the half, 0 or 1, that each instance is in; images are not torn apart."""
    images, places = np.unique(image_ids, return_inverse=True)
    if len(images) < 2:
        raise ValueError(
            'the validation set has one image, but a calibration is measured on images that it was '
            'not fitted to; set val_dataloader.dataset.ann_file to more'
        )
    half = np.arange(len(images)) % 2
    return np.random.default_rng(seed).permutation(half)[places]


def _calibrate_across(samples: _Samples, folds: NDArray[np.int64]) -> list[PoseResult]:
    """Returns the poses with scores that come from the curves of the other half."""
    found: list[PoseResult] = list(samples.poses)
    for fold in (0, 1):
        calibration = ScoreCalibration(samples.scores.shape[1])
        calibration.coefficients = torch.from_numpy(samples.fit(folds != fold)).float()
        rows = np.flatnonzero(folds == fold)
        scores, pose_scores = calibration(torch.from_numpy(samples.scores[rows]))
        for row, own, pose_score in zip(rows, scores.numpy(), pose_scores.tolist(), strict=True):
            found[row] = replace(found[row], keypoint_scores=own, pose_score=pose_score)
    return found


def _metrics_of(
    cfg: Config, dataset: KeypointDataset, results: Sequence[list[PoseResult]]
) -> tuple[str, tuple[float, float]]:
    """Returns the name of the primary metric and its value for each list of poses."""
    evaluators = cfg.val_evaluator
    with DefaultScope.overwrite_default_scope('mmpose'):
        config = dict(evaluators if isinstance(evaluators, dict) else evaluators[0])
        metric = METRICS.build(config)
    metric.dataset_meta = dataset.metainfo
    values = []
    for poses in results:
        metric.process(None, poses)
        values.append(metric.evaluate(len(dataset)))
    name = primary_metric(list(values[0]))
    return name, (values[0][name], values[1][name])


def _tolerance(sigmas: NDArray[np.floating] | None) -> str:
    if sigmas is None:
        return f'at most {PCK_TOLERANCE} of the longer side of the box from the truth'
    return f'a similarity (OKS of the keypoint alone) of at least {OKS_TOLERANCE}'


def _write(
    model: Any, checkpoint: str, target: Path, report: CalibrationReport, trust: bool
) -> None:
    meta = plain_values(read_checkpoint(checkpoint, trust).get('meta') or {})
    about = {'calibrated_on': report.data, 'source_sha256': checkpoint_sha256(checkpoint)}
    state = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    write_atomically({'state_dict': state, 'meta': meta | about}, target)
    target.with_suffix('.json').write_text(json.dumps(asdict(report), indent=2) + '\n')
