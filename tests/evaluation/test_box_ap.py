"""Figures of boxes: what is known beforehand, and another evaluator."""

import numpy as np
import pytest

from mmpose.evaluation.functional import box_ap
from mmpose.evaluation.functional.box_ap import AnnotatedBoxes, box_recall, evaluate_boxes


def annotated(boxes, image_id=1, **fields):
    return [{'image_id': image_id, 'bbox': list(box), **fields} for box in boxes]


def detected(boxes, scores=None, image_id=1):
    scores = np.linspace(0.9, 0.1, len(boxes)) if scores is None else scores
    return [
        {'image_id': image_id, 'category_id': 7, 'bbox': list(box), 'score': float(score)}
        for box, score in zip(boxes, scores, strict=True)
    ]


def truth_of(annotations, num_images=1):
    return AnnotatedBoxes([{'id': i + 1} for i in range(num_images)], annotations)


BOXES = [(10.0, 10.0, 50.0, 80.0), (100.0, 20.0, 40.0, 90.0)]


def test_annotations_as_detections_are_perfect():
    figures = evaluate_boxes(truth_of(annotated(BOXES)), detected(BOXES), 'faster_coco_eval')
    assert (figures['AP'], figures['AR 100'], figures['AR 1']) == pytest.approx((1, 1, 0.5))


@pytest.mark.parametrize('backend', ['faster_coco_eval', 'recall'])
@pytest.mark.parametrize(
    ('boxes', 'expected'),
    [
        (BOXES, (1.0, 1.0)),
        (BOXES[:1], (0.5, 0.5)),
        ([(10, 10, 50, 50), BOXES[1]], (1.0, 0.5)),  # IoU 5 / 8
        ([BOXES[0], BOXES[0]], (0.5, 0.5)),
        ([(500, 10, 50, 50)], (0.0, 0.0)),
    ],
)
def test_share_that_is_found(backend, boxes, expected):
    figures = evaluate_boxes(truth_of(annotated(BOXES)), detected(boxes), backend)
    if backend == 'recall':
        assert (figures['recall .5'], figures['recall .75']) == pytest.approx(expected)
    else:
        mean = (
            (expected[0] * 3 + expected[1] * 7) / 10 if expected[0] != expected[1] else expected[0]
        )
        assert figures['AR 100'] == pytest.approx(mean)


def test_recall_is_that_of_the_other_evaluator():
    rng = np.random.default_rng(0)
    annotations, detections = [], []
    for image in range(1, 31):
        num = rng.integers(0, 8)
        boxes = np.concatenate([rng.uniform(0, 200, (num, 2)), rng.uniform(20, 90, (num, 2))], 1)
        annotations += annotated(boxes.tolist(), image)
        found = np.repeat(boxes, 2, axis=0) + rng.normal(0, 6, (2 * num, 4))
        found[:, 2:] = np.maximum(found[:, 2:], 1)
        detections += detected(found.tolist(), rng.uniform(size=2 * num), image)
    truth = truth_of(annotations, 30)
    ours = box_recall(truth, detections)
    theirs = evaluate_boxes(truth, detections, 'faster_coco_eval')
    assert ours['recall .5:.95'] == pytest.approx(theirs['AR 100'], abs=1e-9)
    assert 0.2 < theirs['AR 100'] < 0.95


def test_crowds_are_not_missed():
    annotations = annotated(BOXES[:1]) + annotated(BOXES[1:], iscrowd=1)
    for backend, name in (('recall', 'recall .5:.95'), ('faster_coco_eval', 'AR 100')):
        figures = evaluate_boxes(truth_of(annotations), detected(BOXES[:1]), backend)
        assert figures[name] == pytest.approx(1)


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(box_ap, 'find_spec', lambda name: None)
    truth = truth_of(annotated(BOXES))
    assert list(evaluate_boxes(truth, detected(BOXES))) == [
        'recall .5', 'recall .75', 'recall .5:.95',
    ]  # fmt: skip
    with pytest.raises(ImportError, match='pip install faster-coco-eval'):
        evaluate_boxes(truth, detected(BOXES), 'faster_coco_eval')
    with pytest.raises(ValueError, match="evaluator 'coco' is unknown; use one of auto, "):
        evaluate_boxes(truth, [], 'coco')


def test_nobody_found():
    assert set(evaluate_boxes(truth_of(annotated(BOXES)), []).values()) == {0}
