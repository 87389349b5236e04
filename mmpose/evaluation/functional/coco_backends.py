"""The same COCO metrics from this package or from another installed evaluator."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmpose.coco.files import detection_records, load_detections, load_ground_truth
from mmpose.coco.instance_layout import InstanceLayout
from mmpose.coco.keypoint_arrays import (
    KeypointDetections,
    KeypointGroundTruth,
    check_detections_fit,
)
from mmpose.evaluation.functional.coco_ap import STATISTICS, evaluate_coco

BACKENDS = ('numpy', 'xtcocotools', 'faster_coco_eval', 'hotcoco')


def evaluate_files(
    annotation_file: str | Path,
    result_file: str | Path,
    sigmas: npt.NDArray[np.floating],
    use_area: bool = True,
    backend: str = 'numpy',
    layout: InstanceLayout | None = None,
) -> dict[str, float]:
    """The ten COCO metrics of a result file.

    Args:
        sigmas: (K,). OKS constants of the skeleton.
        use_area: Whether the annotated area is the object area; else 0.53 of the box is.
        backend: One of ``BACKENDS``. ``hotcoco`` reads the two files itself, and checks
            less of what is in them.
        layout: Where the instances of an annotation stand, and the categories that are evaluated.

    Returns:
        ``AP``, ``AP .5``, ..., ``AR (L)``; -1 where nothing is annotated.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed, or the backend is unknown.
    """
    if backend == 'hotcoco' and layout is not None:
        raise ValueError("backend 'hotcoco' evaluates whole files; take another for --category")
    if backend == 'hotcoco':
        _check_areas(backend, use_area)
        for path in (annotation_file, result_file):
            if not Path(path).is_file():
                raise FileNotFoundError(f'{path} does not exist')
        try:
            return _summary(_hotcoco(str(annotation_file), str(result_file), sigmas))
        except ValueError as error:
            raise ValueError(f'{annotation_file}, {result_file}: {error}') from error
    detections = load_detections(result_file, len(sigmas))
    gt = load_ground_truth(annotation_file, len(sigmas), layout=layout)
    if layout and layout.category:
        detections = detections.of_categories(gt.category_ids)
    return evaluate_with_backend(gt, detections, sigmas, use_area, backend)


def evaluate_with_backend(
    gt: KeypointGroundTruth,
    detections: KeypointDetections,
    sigmas: npt.NDArray[np.floating],
    use_area: bool = True,
    backend: str = 'numpy',
) -> dict[str, float]:
    """The ten COCO metrics of annotations and detections in memory.

    The other arguments are those of ``evaluate_files``. The backends get the annotations as they
    were read, so that all of them take the same files.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend '{backend}' is unknown; use one of {', '.join(BACKENDS)}")
    _check_areas(backend, use_area)
    if backend == 'numpy':
        return evaluate_coco(gt, detections, sigmas, use_area).summary()
    check_detections_fit(gt, detections)
    if len(detections.scores) == 0:
        raise ValueError(f"{detections.source}: no pose; backend '{backend}' needs at least one")
    odd = (gt.num_labelled == 0) == gt.keypoints_visible.any(axis=1)
    if backend == 'xtcocotools' and (odd & ~gt.iscrowd).any():
        raise ValueError(
            f'{gt.source}: annotation {gt.ann_id[odd & ~gt.iscrowd][0]} has another num_keypoints '
            "than labelled keypoints, one of them 0, and backend 'xtcocotools' reads the latter; "
            "use 'numpy' or 'faster_coco_eval'"
        )
    annotations, records = _annotations(gt), detection_records(detections)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = _evaluator(backend, annotations, records, np.asarray(sigmas, float), use_area)
    return _summary(evaluator)


def _check_areas(backend: str, use_area: bool) -> None:
    if backend in ('faster_coco_eval', 'hotcoco') and not use_area:
        raise ValueError(
            f"backend '{backend}' sorts objects into (M) and (L) by the annotated area even "
            "with use_area=False; use the backend 'numpy' or 'xtcocotools'"
        )


def run_evaluator(evaluator: Any) -> Any:
    """Statistics of one of pycocotools' kind, whose tables are not printed."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        # hotcoco notes that a sigma of float32 is another number than its own
        warnings.filterwarnings('ignore', message='hotcoco: kpt_oks_sigmas')
        for step in (evaluator.evaluate, evaluator.accumulate, evaluator.summarize):
            step()
    return evaluator.stats


def _summary(evaluator: Any) -> dict[str, float]:
    values = zip(STATISTICS, run_evaluator(evaluator)[:10], strict=True)
    return {name: float(value) for name, value in values}


def _annotations(gt: KeypointGroundTruth) -> dict[str, Any]:
    """Ground truth as the content of a COCO file, with every field that an evaluator reads."""
    marks = 2.0 * gt.keypoints_visible[..., None]  # (G, K) -> (G, K, 1)
    points = np.concatenate([gt.keypoints, marks], axis=2).reshape(len(gt.ann_id), -1)
    columns: dict[str, npt.NDArray[Any]] = {
        # own ids: those of files may recur in other images, and 0 means no match to some evaluators
        'id': np.arange(1, len(gt.ann_id) + 1),
        'image_id': gt.image_id, 'category_id': gt.category_id,
        'keypoints': points, 'num_keypoints': gt.num_labelled, 'area': gt.area,
        'bbox': gt.bbox_xywh, 'iscrowd': gt.iscrowd.astype(int),
    }  # fmt: skip
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return {
        'images': [{'id': image_id} for image_id in gt.image_ids.tolist()],
        'categories': [
            {'id': category, 'name': str(category)} for category in gt.category_ids.tolist()
        ],
        'annotations': [dict(zip(columns, row, strict=True)) for row in values],
    }


def _evaluator(
    backend: str,
    annotations: dict[str, Any],
    records: list[dict[str, Any]],
    sigmas: npt.NDArray[np.float64],
    use_area: bool,
) -> Any:
    """The evaluator of a backend before its first step."""
    if backend == 'xtcocotools':
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval

        gt = COCO()
        gt.dataset = annotations
        gt.createIndex()
        return COCOeval(gt, gt.loadRes(records), 'keypoints', sigmas, use_area)
    if backend == 'hotcoco':
        return _hotcoco(annotations, records, sigmas)
    from faster_coco_eval import COCO, COCOeval_faster

    gt = COCO(annotations)
    return COCOeval_faster(gt, gt.loadRes(records), 'keypoints', kpt_oks_sigmas=sigmas.tolist())


def _hotcoco(annotations: Any, results: Any, sigmas: npt.NDArray[np.floating]) -> Any:
    """The evaluator of hotcoco for files or their content.

    Raises:
        ValueError: If it takes the files for something else than a complete COCO file.
    """
    from hotcoco import COCO, COCOeval

    gt = COCO(annotations)
    problem = '; '.join(gt.load_warnings) or ('' if gt.cats else "'categories' is missing")
    if problem:
        raise ValueError(f"hotcoco says: {problem}; use the backend 'numpy'")
    evaluator = COCOeval(gt, gt.load_res(results), 'keypoints')
    params = evaluator.params
    params.kpt_oks_sigmas = np.asarray(sigmas, float).tolist()
    evaluator.params = params
    return evaluator
