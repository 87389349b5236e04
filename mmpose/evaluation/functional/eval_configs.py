"""EvalConfig: evaluation of each dataset's result files, without model and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmpose.coco.category_choice import Category
from mmpose.coco.files import load_detections, load_ground_truth
from mmpose.coco.instance_layout import IMAGE, InstanceLayout
from mmpose.coco.keypoint_arrays import HEAD_SIZE, IdArray, KeypointDetections, KeypointGroundTruth
from mmpose.evaluation.functional.coco_backends import evaluate_files
from mmpose.evaluation.functional.crowdpose import CROWD_INDEX, evaluate_crowdpose
from mmpose.evaluation.functional.humanart import FILE_NAME, evaluate_humanart
from mmpose.evaluation.functional.instances import load_instances, pair_detections
from mmpose.evaluation.functional.keypoint_errors import BBOX, DistanceMetric, stated_lengths
from mmpose.evaluation.functional.mpii import (
    evaluate_mpii,
    load_mpii_annotations,
    mpii_ground_truth,
)
from mmpose.evaluation.functional.posetrack import evaluate_posetrack18, load_posetrack18
from mmpose.evaluation.functional.wholebody import PART_SCORES, WHOLEBODY_FIELDS, evaluate_wholebody
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.info_dict import NAMES


@dataclass(frozen=True)
class EvalConfig:
    """Evaluation of a dataset.

    Attributes:
        skeleton: Name or file of the skeleton.
        kind: ``coco`` and its relatives ``crowdpose``, ``coco_wholebody`` and ``humanart``, whose
            results are detections; ``mpii``; ``posetrack18``; or ``keypoints``, for metrics of
            poses that name their annotation by ``ann_id``.
        use_area: Whether COCO AP takes the annotated area; else 0.53 of the box.
        metrics: Metrics of the kind ``keypoints``.
        layout: Where the instances of an annotation stand, for that kind.
    """

    skeleton: str
    kind: str = 'coco'
    use_area: bool = True
    metrics: tuple[DistanceMetric, ...] = ()
    layout: InstanceLayout | None = None


def nme(norm: str | tuple[int, int]) -> DistanceMetric:
    """Normalised mean error by a length."""
    return DistanceMetric('NME', 'mean', norm)


# normalisers and thresholds of the published results
PCK = DistanceMetric('PCK', 'pck', BBOX, thr=0.2)
PCKH = DistanceMetric('PCKh', 'pck', HEAD_SIZE, thr=0.7)
TORSO_PCK = DistanceMetric('tPCK', 'pck', (4, 5), thr=0.2)
AUC = DistanceMetric('AUC', 'auc', 30.0)
EPE = DistanceMetric('EPE', 'mean', 1.0)
HAND = (PCK, AUC, EPE)
WHOLE_IMAGE = InstanceLayout(bbox_field=IMAGE)

PLAIN = ('ap10k', 'animalpose', 'halpe', 'halpe26', 'macaque', 'atrw')
LIKE_HANDS = ('interhand2d', 'onehand10k', 'rhd', 'coco_wholebody_hand', 'fly', 'deepfashion_upper',
              'deepfashion_lower', 'deepfashion2', 'deepfashion_full')  # fmt: skip
EVAL_CONFIGS = {
    'coco': EvalConfig('coco'),
    'ochuman': EvalConfig('coco'),
    'aic': EvalConfig('aic', use_area=False),
    **{name: EvalConfig(name) for name in PLAIN},
    **{name: EvalConfig(name, 'keypoints', metrics=HAND) for name in LIKE_HANDS},
    'crowdpose': EvalConfig('crowdpose', 'crowdpose', use_area=False),
    'apt36k': EvalConfig('ap10k'),
    'coco_wholebody': EvalConfig('coco_wholebody', 'coco_wholebody'),
    'humanart': EvalConfig('coco', 'humanart'),
    'mpii': EvalConfig('mpii', 'mpii'),
    'posetrack18': EvalConfig('posetrack18', 'posetrack18'),
    'exlpose': EvalConfig('exlpose', use_area=False),
    'mhp': EvalConfig('mhp', use_area=False),
    'freihand': EvalConfig('freihand', 'keypoints', metrics=HAND, layout=WHOLE_IMAGE),
    'panoptic_hand': EvalConfig('panoptic_hand', 'keypoints', metrics=(PCKH, AUC, EPE)),
    'jhmdb': EvalConfig(
        'jhmdb', 'keypoints', metrics=(PCK, TORSO_PCK), layout=InstanceLayout(first_pixel=1)
    ),
    'h36m': EvalConfig('h36m', 'keypoints', metrics=(PCK, EPE)),
    'horse10': EvalConfig('horse10', 'keypoints', metrics=(PCK, nme((0, 1)))),
    'animalkingdom': EvalConfig('animalkingdom', 'keypoints', metrics=(replace(PCK, thr=0.05),)),
    'locust': EvalConfig('locust', 'keypoints', metrics=HAND, layout=WHOLE_IMAGE),
    'zebra': EvalConfig('zebra', 'keypoints', metrics=HAND, layout=WHOLE_IMAGE),
    # the outer corners of the eyes; COFW takes the pupils, AFLW the stated size of the box
    '300w': EvalConfig('300w', 'keypoints', metrics=(nme((36, 45)),)),
    'wflw': EvalConfig('wflw', 'keypoints', metrics=(nme((60, 72)),)),
    'cofw': EvalConfig('cofw', 'keypoints', metrics=(nme((8, 9)),)),
    'lapa': EvalConfig('lapa', 'keypoints', metrics=(nme((66, 79)),)),
    'coco_wholebody_face': EvalConfig('coco_wholebody_face', 'keypoints', metrics=(nme((36, 45)),)),
    'aflw': EvalConfig('aflw', 'keypoints', metrics=(nme('box_size'),)),
}
ALIASES = {**NAMES, 'wholebody': 'coco_wholebody'}  # as MMPose and the models are called


def find_eval_config(dataset: str, category: Sequence[Category] | None = None) -> EvalConfig:
    """EvalConfig of a dataset.

    Args:
        dataset: A name of ``EVAL_CONFIGS``, or the name or file of a skeleton, which is evaluated
            as COCO is.
        category: Ids or names of the categories to evaluate; None for all.

    Raises:
        ValueError: If there is no such dataset or skeleton, or it has no categories.
    """
    if category is not None:
        config = find_eval_config(dataset)
        if config.kind in ('mpii', 'posetrack18'):
            raise ValueError(f"'{dataset}' has no categories; leave --category out")
        layout = config.layout or InstanceLayout()
        return replace(config, layout=replace(layout, category=tuple(category)))
    if dataset not in EVAL_CONFIGS:
        dataset = ALIASES.get(dataset, dataset)
    if dataset in EVAL_CONFIGS:
        return EVAL_CONFIGS[dataset]
    try:
        load_metainfo(dataset)
    except FileNotFoundError as error:
        raise ValueError(
            f"dataset '{dataset}' is unknown ({error}); expected the name or file of a skeleton, "
            f'or one of {", ".join(EVAL_CONFIGS)}'
        ) from None
    return EvalConfig(dataset)


def nme_keypoints(dataset: str) -> tuple[int, int]:
    """The two keypoints whose distance normalises the published NME of a dataset.

    Raises:
        ValueError: If no such keypoints are published for it.
    """
    pairs = {
        name: one.norm
        for name, config in EVAL_CONFIGS.items()
        for one in config.metrics
        if one.name == 'NME' and isinstance(one.norm, tuple)
    }
    if dataset not in pairs:
        raise ValueError(
            f"no published NME of '{dataset}' names the keypoints whose distance is the norm (of "
            f'{", ".join(pairs)} one does); set keypoint_indices'
        )
    return pairs[dataset]


def evaluate_results(
    dataset: str,
    result_file: str | Path,
    annotation_file: str | Path,
    *,
    use_area: bool | None = None,
    backend: str = 'numpy',
    mat_file: str | Path | None = None,
    category: Sequence[Category] | None = None,
) -> dict[str, float]:
    """Official metrics of a result file.

    Args:
        result_file: COCO results; their entries have ``ann_id`` too where metrics compare a pose
            with one annotation (MPII and the kind ``keypoints``), counted from pixel 0.
        annotation_file: Annotations: those of MPII in its own format, all others in that of COCO.
        use_area: Overrules the config where the kind is ``coco``.
        backend: Evaluator where the kind is ``coco``.
        mat_file: ``mpii_gt_val.mat``, for MPII.
        category: Ids or names of the categories to evaluate; None for all.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed or does not fit the dataset.
    """
    eval_config = find_eval_config(dataset, category)
    dataset_meta = load_metainfo(eval_config.skeleton)
    if eval_config.kind == 'keypoints':
        extras, num = stated_lengths(eval_config.metrics), dataset_meta.num_keypoints
        gt = load_instances(annotation_file, num, extras, eval_config.layout)
        return evaluate_keypoints(eval_config, gt, result_file)
    if eval_config.kind == 'mpii':
        gt = load_mpii_annotations(annotation_file)
        dt = load_detections(result_file, dataset_meta.num_keypoints, ('ann_id',))
        return evaluate_mpii(
            dt.keypoints, pair_detections(mpii_ground_truth(gt, mat_file, annotation_file), dt)
        )
    sigmas = dataset_meta.oks_sigmas().astype('float64')
    if eval_config.kind == 'coco':
        area = eval_config.use_area if use_area is None else use_area
        return evaluate_files(
            annotation_file, result_file, sigmas, area, backend, eval_config.layout
        )
    is_whole = eval_config.kind == 'coco_wholebody'
    fields = WHOLEBODY_FIELDS if is_whole else dataset_meta.num_keypoints
    dt = load_detections(result_file, fields, optional_extras=PART_SCORES if is_whole else ())
    return evaluate_detections(eval_config.kind, annotation_file, dt, sigmas, eval_config.layout)


def evaluate_keypoints(
    eval_config: EvalConfig, gt: KeypointGroundTruth, result_file: str | Path
) -> dict[str, float]:
    """Metrics of a result file against ground truth in memory.

    Args:
        eval_config: One of the kind ``keypoints``.
        gt: Ground truth, such as that of a dataset that is not in the format of COCO.
        result_file: COCO results with ``ann_id``.
    """
    dt = load_detections(result_file, gt.num_keypoints, ('ann_id',))
    if eval_config.layout and eval_config.layout.category:
        dt = dt.of_categories(gt.category_ids)
    paired = pair_detections(gt, dt)
    return {one.name: one.evaluate(dt.keypoints, paired) for one in eval_config.metrics}


def evaluate_detections(
    kind: str,
    annotation_file: str | Path,
    dt: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    layout: InstanceLayout | None = None,
    image_ids: IdArray | None = None,
) -> dict[str, float]:
    """Metrics of detections by a protocol of its own.

    Args:
        kind: ``coco_wholebody``, ``posetrack18``, ``crowdpose`` or ``humanart``.
        sigmas: (K,). OKS constants of the skeleton.
        layout: Where the instances of an annotation stand; PoseTrack18 has one layout only.
        image_ids: Images to evaluate; None for all.
    """
    if kind == 'posetrack18':
        return evaluate_posetrack18(load_posetrack18(annotation_file).of_images(image_ids), dt)
    evaluate, extras = {
        'coco_wholebody': (evaluate_wholebody, ()),
        'crowdpose': (evaluate_crowdpose, (CROWD_INDEX,)),
        'humanart': (evaluate_humanart, (FILE_NAME,)),
    }[kind]
    num = WHOLEBODY_FIELDS if kind == 'coco_wholebody' else len(sigmas)
    gt = load_ground_truth(annotation_file, num, image_extras=extras, layout=layout)
    if layout and layout.category:
        dt = dt.of_categories(gt.category_ids)
    return evaluate(gt.of_images(image_ids), dt, sigmas)
