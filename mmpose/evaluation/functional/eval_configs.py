"""How the results of each data set are evaluated, from files alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mmpose.evaluation.functional.coco_backends import evaluate_files
from mmpose.evaluation.functional.coco_io import load_detections, load_ground_truth
from mmpose.evaluation.functional.crowdpose import CROWD_INDEX, evaluate_crowdpose
from mmpose.evaluation.functional.distance_metrics import (
    AUC,
    EPE,
    PCK,
    PCKH,
    DistanceMetric,
    nme,
    torso_pck,
)
from mmpose.evaluation.functional.humanart import FILE_NAME, evaluate_humanart
from mmpose.evaluation.functional.instances import BBOX, load_instances, pair_detections
from mmpose.evaluation.functional.keypoint_arrays import (
    FloatArray,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.mpii import (
    evaluate_mpii,
    load_mpii_annotations,
    mpii_ground_truth,
)
from mmpose.evaluation.functional.posetrack import evaluate_posetrack18, load_posetrack18
from mmpose.evaluation.functional.wholebody import (
    PART_SCORES,
    WHOLEBODY_FIELDS,
    evaluate_wholebody,
)
from mmpose.metainfo import load_metainfo
from mmpose.structures import DatasetMeta


@dataclass(frozen=True)
class EvalConfig:
    """How results are evaluated.

    Attributes:
        skeleton: Name or file of the skeleton.
        kind: ``coco`` and its relatives ``crowdpose``, ``coco_wholebody`` and ``humanart``, whose
            results are detections; ``mpii``; ``posetrack18``; or ``joints``, for figures over
            poses that name their annotation by ``ann_id``.
        use_area: Whether COCO AP takes the annotated area; else 0.53 of the box.
        figures: Figures of the kind ``joints``.
    """

    skeleton: str
    kind: str = 'coco'
    use_area: bool = True
    figures: tuple[DistanceMetric, ...] = ()


HAND = (PCK, AUC, EPE)

EVAL_CONFIGS = {
    'coco': EvalConfig('coco'),
    'ochuman': EvalConfig('coco'),
    'aic': EvalConfig('aic', use_area=False),
    'crowdpose': EvalConfig('crowdpose', 'crowdpose', use_area=False),
    'ap10k': EvalConfig('ap10k'),
    'apt36k': EvalConfig('ap10k'),
    'animalpose': EvalConfig('animalpose'),
    'coco_wholebody': EvalConfig('coco_wholebody', 'coco_wholebody'),
    'humanart': EvalConfig('coco', 'humanart'),
    'mpii': EvalConfig('mpii', 'mpii'),
    'posetrack18': EvalConfig('posetrack18', 'posetrack18'),
    'halpe': EvalConfig('halpe'),
    'exlpose': EvalConfig('exlpose', use_area=False),
    'mhp': EvalConfig('mhp', use_area=False),
    'macaque': EvalConfig('macaque'),
    'atrw': EvalConfig('atrw'),
    'interhand2d': EvalConfig('interhand2d', 'joints', figures=HAND),
    'freihand': EvalConfig('freihand', 'joints', figures=HAND),
    'onehand10k': EvalConfig('onehand10k', 'joints', figures=HAND),
    'rhd': EvalConfig('rhd', 'joints', figures=HAND),
    'coco_wholebody_hand': EvalConfig('coco_wholebody_hand', 'joints', figures=HAND),
    'panoptic_hand': EvalConfig('panoptic_hand', 'joints', figures=(PCKH, AUC, EPE)),
    'jhmdb': EvalConfig('jhmdb', 'joints', figures=(PCK, torso_pck(4, 5))),
    'h36m': EvalConfig('h36m', 'joints', figures=(PCK, EPE)),
    'horse10': EvalConfig('horse10', 'joints', figures=(PCK, nme((0, 1)))),
    'animalkingdom': EvalConfig('animalkingdom', 'joints', figures=(replace(PCK, thr=0.05),)),
    'fly': EvalConfig('fly', 'joints', figures=HAND),
    'locust': EvalConfig('locust', 'joints', figures=HAND),
    'zebra': EvalConfig('zebra', 'joints', figures=HAND),
    'deepfashion_upper': EvalConfig('deepfashion_upper', 'joints', figures=HAND),
    'deepfashion_lower': EvalConfig('deepfashion_lower', 'joints', figures=HAND),
    'deepfashion_full': EvalConfig('deepfashion_full', 'joints', figures=HAND),
    # the outer corners of the eyes; COFW takes the pupils, AFLW the stated size of the box
    '300w': EvalConfig('300w', 'joints', figures=(nme((36, 45)),)),
    'wflw': EvalConfig('wflw', 'joints', figures=(nme((60, 72)),)),
    'cofw': EvalConfig('cofw', 'joints', figures=(nme((8, 9)),)),
    'lapa': EvalConfig('lapa', 'joints', figures=(nme((66, 79)),)),
    'coco_wholebody_face': EvalConfig('coco_wholebody_face', 'joints', figures=(nme((36, 45)),)),
    'aflw': EvalConfig('aflw', 'joints', figures=(nme('box_size'),)),
}


def find_eval_config(dataset: str) -> EvalConfig:
    """The protocol of a data set.

    Args:
        dataset: A name of ``EVAL_CONFIGS``, or the name or file of a skeleton, which is evaluated
            as COCO is.

    Raises:
        ValueError: If there is no such data set or skeleton.
    """
    if dataset in EVAL_CONFIGS:
        return EVAL_CONFIGS[dataset]
    try:
        load_metainfo(dataset)
    except FileNotFoundError as error:
        raise ValueError(
            f"data set '{dataset}' is unknown ({error}); expected the name or file of a skeleton, "
            f'or one of {", ".join(EVAL_CONFIGS)}'
        ) from None
    return EvalConfig(dataset)


def evaluate_results(
    dataset: str,
    result_file: str | Path,
    annotation_file: str | Path,
    *,
    use_area: bool | None = None,
    backend: str = 'numpy',
    mat_file: str | Path | None = None,
) -> dict[str, float]:
    """The official figures of a result file.

    Args:
        dataset: As ``find_eval_config`` takes it.
        result_file: COCO results; their entries have ``ann_id`` too where figures compare a pose
            with one annotation (MPII and the kind ``joints``), counted from pixel 0.
        annotation_file: Annotations: those of MPII in its own format, all others in that of COCO.
        use_area: Overrules the protocol where the kind is ``coco``.
        backend: Evaluator where the kind is ``coco``.
        mat_file: ``mpii_gt_val.mat``, for MPII.

    Returns:
        Name to value.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed or does not fit the data set.
    """
    eval_config = find_eval_config(dataset)
    dataset_meta = load_metainfo(eval_config.skeleton)
    if eval_config.kind == 'joints':
        gt = load_instances(annotation_file, dataset_meta.num_keypoints, _extras(eval_config))
        return evaluate_keypoints(eval_config, gt, result_file)
    if eval_config.kind == 'mpii':
        gt = load_mpii_annotations(annotation_file)
        dt = load_detections(result_file, dataset_meta.num_keypoints, ('ann_id',))
        return evaluate_mpii(
            dt.keypoints, pair_detections(mpii_ground_truth(gt, mat_file, annotation_file), dt)
        )
    if eval_config.kind == 'coco':
        area = eval_config.use_area if use_area is None else use_area
        return evaluate_files(annotation_file, result_file, _sigmas(dataset_meta), area, backend)
    return _evaluate_detections(eval_config, dataset_meta, result_file, annotation_file)


def evaluate_keypoints(
    eval_config: EvalConfig, gt: KeypointGroundTruth, result_file: str | Path
) -> dict[str, float]:
    """Figures of a result file against ground truth that is at hand.

    Args:
        eval_config: One of the kind ``joints``.
        gt: Ground truth, such as that of a data set that is not in the format of COCO.
        result_file: COCO results with ``ann_id``.

    Returns:
        Name to value.
    """
    dt = load_detections(result_file, gt.num_joints, ('ann_id',))
    paired = pair_detections(gt, dt)
    return {figure.name: figure.evaluate(dt.keypoints, paired) for figure in eval_config.figures}


def _evaluate_detections(
    eval_config: EvalConfig,
    dataset_meta: DatasetMeta,
    result_file: str | Path,
    annotation_file: str | Path,
) -> dict[str, float]:
    num = dataset_meta.num_keypoints
    if eval_config.kind == 'coco_wholebody':
        gt = load_ground_truth(annotation_file, WHOLEBODY_FIELDS)
        dt = load_detections(result_file, WHOLEBODY_FIELDS, optional_extras=PART_SCORES)
        return evaluate_wholebody(gt, dt, _sigmas(dataset_meta))
    dt = load_detections(result_file, num)
    if eval_config.kind == 'posetrack18':
        return evaluate_posetrack18(load_posetrack18(annotation_file), dt)
    if eval_config.kind == 'crowdpose':
        gt = load_ground_truth(annotation_file, num, image_extras=(CROWD_INDEX,))
        return evaluate_crowdpose(gt, dt, _sigmas(dataset_meta))
    gt = load_ground_truth(annotation_file, num, image_extras=(FILE_NAME,))
    return evaluate_humanart(gt, dt, _sigmas(dataset_meta))


def _extras(eval_config: EvalConfig) -> tuple[str, ...]:
    """Fields of the annotations that the figures divide by."""
    norms = {figure.norm for figure in eval_config.figures}
    return tuple(norm for norm in norms if isinstance(norm, str) and norm != BBOX)


def _sigmas(dataset_meta: DatasetMeta) -> FloatArray:
    if dataset_meta.sigmas is None:
        raise ValueError(f"skeleton '{dataset_meta.name}' has no sigmas, which OKS needs")
    return dataset_meta.sigmas.astype('float64')
