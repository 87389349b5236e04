"""How the results of each data set are evaluated, from files alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mmpose.coco.files import load_detections, load_ground_truth
from mmpose.coco.keypoint_arrays import (
    FloatArray,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.coco_backends import evaluate_files
from mmpose.evaluation.functional.crowdpose import CROWD_INDEX, evaluate_crowdpose
from mmpose.evaluation.functional.humanart import FILE_NAME, evaluate_humanart
from mmpose.evaluation.functional.instances import BBOX, load_instances, pair_detections
from mmpose.evaluation.functional.joint_figures import (
    AUC,
    EPE,
    PCK,
    PCKH,
    JointFigure,
    nme,
    torso_pck,
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
class Protocol:
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
    figures: tuple[JointFigure, ...] = ()


HAND = (PCK, AUC, EPE)

PROTOCOLS = {
    'coco': Protocol('coco'),
    'ochuman': Protocol('coco'),
    'aic': Protocol('aic', use_area=False),
    'crowdpose': Protocol('crowdpose', 'crowdpose', use_area=False),
    'ap10k': Protocol('ap10k'),
    'apt36k': Protocol('ap10k'),
    'animalpose': Protocol('animalpose'),
    'coco_wholebody': Protocol('coco_wholebody', 'coco_wholebody'),
    'humanart': Protocol('coco', 'humanart'),
    'mpii': Protocol('mpii', 'mpii'),
    'posetrack18': Protocol('posetrack18', 'posetrack18'),
    'halpe': Protocol('halpe'),
    'exlpose': Protocol('exlpose', use_area=False),
    'mhp': Protocol('mhp', use_area=False),
    'macaque': Protocol('macaque'),
    'atrw': Protocol('atrw'),
    'interhand2d': Protocol('interhand2d', 'joints', figures=HAND),
    'freihand': Protocol('freihand', 'joints', figures=HAND),
    'onehand10k': Protocol('onehand10k', 'joints', figures=HAND),
    'rhd': Protocol('rhd', 'joints', figures=HAND),
    'coco_wholebody_hand': Protocol('coco_wholebody_hand', 'joints', figures=HAND),
    'panoptic_hand': Protocol('panoptic_hand', 'joints', figures=(PCKH, AUC, EPE)),
    'jhmdb': Protocol('jhmdb', 'joints', figures=(PCK, torso_pck(4, 5))),
    'h36m': Protocol('h36m', 'joints', figures=(PCK, EPE)),
    'horse10': Protocol('horse10', 'joints', figures=(PCK, nme((0, 1)))),
    'animalkingdom': Protocol('animalkingdom', 'joints', figures=(replace(PCK, thr=0.05),)),
    'fly': Protocol('fly', 'joints', figures=HAND),
    'locust': Protocol('locust', 'joints', figures=HAND),
    'zebra': Protocol('zebra', 'joints', figures=HAND),
    'deepfashion_upper': Protocol('deepfashion_upper', 'joints', figures=HAND),
    'deepfashion_lower': Protocol('deepfashion_lower', 'joints', figures=HAND),
    'deepfashion_full': Protocol('deepfashion_full', 'joints', figures=HAND),
    # the outer corners of the eyes; COFW takes the pupils, AFLW the stated size of the box
    '300w': Protocol('300w', 'joints', figures=(nme((36, 45)),)),
    'wflw': Protocol('wflw', 'joints', figures=(nme((60, 72)),)),
    'cofw': Protocol('cofw', 'joints', figures=(nme((8, 9)),)),
    'lapa': Protocol('lapa', 'joints', figures=(nme((66, 79)),)),
    'coco_wholebody_face': Protocol('coco_wholebody_face', 'joints', figures=(nme((36, 45)),)),
    'aflw': Protocol('aflw', 'joints', figures=(nme('box_size'),)),
}


def find_protocol(dataset: str) -> Protocol:
    """The protocol of a data set.

    Args:
        dataset: A name of ``PROTOCOLS``, or the name or file of a skeleton, which is evaluated as
            COCO is.

    Raises:
        ValueError: If there is no such data set or skeleton.
    """
    if dataset in PROTOCOLS:
        return PROTOCOLS[dataset]
    try:
        load_metainfo(dataset)
    except FileNotFoundError as error:
        raise ValueError(
            f"data set '{dataset}' is unknown ({error}); expected the name or file of a skeleton, "
            f'or one of {", ".join(PROTOCOLS)}'
        ) from None
    return Protocol(dataset)


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
        dataset: As ``find_protocol`` takes it.
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
    protocol = find_protocol(dataset)
    dataset_meta = load_metainfo(protocol.skeleton)
    if protocol.kind == 'joints':
        gt = load_instances(annotation_file, dataset_meta.num_keypoints, _extras(protocol))
        return evaluate_joint_figures(protocol, gt, result_file)
    if protocol.kind == 'mpii':
        gt = load_mpii_annotations(annotation_file)
        dt = load_detections(result_file, dataset_meta.num_keypoints, ('ann_id',))
        return evaluate_mpii(
            dt.keypoints, pair_detections(mpii_ground_truth(gt, mat_file, annotation_file), dt)
        )
    if protocol.kind == 'coco':
        area = protocol.use_area if use_area is None else use_area
        return evaluate_files(annotation_file, result_file, _sigmas(dataset_meta), area, backend)
    return _evaluate_detections(protocol, dataset_meta, result_file, annotation_file)


def evaluate_joint_figures(
    protocol: Protocol, gt: KeypointGroundTruth, result_file: str | Path
) -> dict[str, float]:
    """Figures of a result file against ground truth that is at hand.

    Args:
        protocol: One of the kind ``joints``.
        gt: Ground truth, such as that of a data set that is not in the format of COCO.
        result_file: COCO results with ``ann_id``.

    Returns:
        Name to value.
    """
    dt = load_detections(result_file, gt.num_joints, ('ann_id',))
    paired = pair_detections(gt, dt)
    return {figure.name: figure.evaluate(dt.keypoints, paired) for figure in protocol.figures}


def _evaluate_detections(
    protocol: Protocol,
    dataset_meta: DatasetMeta,
    result_file: str | Path,
    annotation_file: str | Path,
) -> dict[str, float]:
    num = dataset_meta.num_keypoints
    if protocol.kind == 'coco_wholebody':
        gt = load_ground_truth(annotation_file, WHOLEBODY_FIELDS)
        dt = load_detections(result_file, WHOLEBODY_FIELDS, optional_extras=PART_SCORES)
        return evaluate_wholebody(gt, dt, _sigmas(dataset_meta))
    dt = load_detections(result_file, num)
    if protocol.kind == 'posetrack18':
        return evaluate_posetrack18(load_posetrack18(annotation_file), dt)
    if protocol.kind == 'crowdpose':
        gt = load_ground_truth(annotation_file, num, image_extras=(CROWD_INDEX,))
        return evaluate_crowdpose(gt, dt, _sigmas(dataset_meta))
    gt = load_ground_truth(annotation_file, num, image_extras=(FILE_NAME,))
    return evaluate_humanart(gt, dt, _sigmas(dataset_meta))


def _extras(protocol: Protocol) -> tuple[str, ...]:
    """Fields of the annotations that the figures divide by."""
    norms = {figure.norm for figure in protocol.figures}
    return tuple(norm for norm in norms if isinstance(norm, str) and norm != BBOX)


def _sigmas(dataset_meta: DatasetMeta) -> FloatArray:
    if dataset_meta.sigmas is None:
        raise ValueError(f"skeleton '{dataset_meta.name}' has no sigmas, which OKS needs")
    return dataset_meta.sigmas.astype('float64')
