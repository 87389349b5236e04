"""Spoiled COCO-style files: training, check and evaluation agree, in ids or a sentence."""

import copy
import json
import warnings

import pytest

from mmpose.dataset_tools.check import IssueLog
from mmpose.dataset_tools.check.coco_layout import read_coco_split
from mmpose.dataset_tools.check.split import Split
from mmpose.datasets import CocoDataset
from mmpose.evaluation.functional import load_ground_truth
from mmpose.evaluation.functional.coco_backends import evaluate_files
from mmpose.metainfo import load_metainfo
from tests.datasets import tiny_coco

META = load_metainfo('coco')
REMOVED = object()
VALUES = [
    REMOVED, None, True, False, -1, 0, 1, 3, 2**31, 2**63, 2**70, 10**400, 0.5, -0.0, 1e39,
    float('nan'), float('inf'), '', 'x', '1', 'ä' * 40, [], {}, [[]], [1, 2], [1.5] * 4,
    [None] * 4, ['1'] * 51, [0] * 51, [1] * 52, {'a': 1},
]  # fmt: skip
SIZES = {'area', 'width', 'height', 'bbox', 0, 2}
PLACES = [
    *(('annotations', 0, key) for key in sorted(tiny_coco.annotation(1, 100))),
    *(('annotations', 0, 'keypoints', i) for i in (0, 1, 2)),
    *(('annotations', 0, 'bbox', i) for i in (0, 2)),
    *(('images', 0, key) for key in ('id', 'file_name', 'width', 'height')),
    *(('categories', 0, key) for key in ('id', 'name', 'keypoints')),
    *((key,) for key in ('images', 'annotations', 'categories')),
    *((key, 0) for key in ('images', 'annotations', 'categories')),
]


def spoiled(place, value):
    """Returns the content of a file with another value in one place."""
    data = tiny_coco.content()
    *above, last = place
    node = data
    for key in above:
        node = node[key]
    if value is not REMOVED:
        node[last] = copy.deepcopy(value)
    else:
        del node[last]
    return data


def outcome(function):
    """Returns ids that are read, and the sentence of a refusal; one of them is None."""
    try:
        return function(), None
    except (ValueError, TypeError, FileNotFoundError) as error:
        refusal = error
    assert '\n' not in str(refusal)
    return None, str(refusal)


def trained(arguments):
    dataset = CocoDataset(**arguments, pipeline=tiny_coco.PIPELINE)
    for i in range(len(dataset)):
        dataset[i]
    return sorted(dataset.store.ann_ids.tolist())


def counted(file):
    gt = load_ground_truth(file, 17)
    return sorted(gt.ann_id[(gt.num_labelled > 0) & ~gt.iscrowd].tolist())


def evaluated(file, results):
    metrics = evaluate_files(file, results, META.sigmas)
    assert all(-1 <= value <= 1 for value in metrics.values()), metrics
    return metrics


def checked(folder):
    log = IssueLog()
    read_coco_split(Split('train', folder / 'ann.json', folder / 'images', META, log))
    return log


def agree(refusal, other):
    """Whether two refusals are one, but for names that only one reader knows."""
    start = (
        refusal.replace(' for nose', ' for 0').split(" of 'coco')")[0].split(', expected a list')[0]
    )
    return other is not None and other.startswith(start)


@pytest.mark.parametrize('place', PLACES, ids=lambda place: '.'.join(map(str, place)))
def test_all_take_it_or_all_refuse_it_in_the_same_sentence(tmp_path, place):
    arguments = tiny_coco.write(tmp_path)
    file, results = tmp_path / 'ann.json', tmp_path / 'results.json'
    fields = ('image_id', 'category_id', 'keypoints')
    people = tiny_coco.content()['annotations']
    results.write_text(json.dumps([{k: p[k] for k in fields} | {'score': 0.5} for p in people]))
    for value in VALUES:
        file.write_text(json.dumps(spoiled(place, value)))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            ids, refusal = outcome(lambda: trained(arguments))
            counted_ids, evaluation_refusal = outcome(lambda: counted(file))
            log = checked(tmp_path)
            if evaluation_refusal is None:
                outcome(lambda: evaluated(file, results))  # asserts that its numbers are some
        case = (place, value, refusal, evaluation_refusal, log.issues)
        if refusal is None:
            assert evaluation_refusal is None, case
            # training leaves out what has no size; that is told where boxes are looked at
            assert {3, 4, 5, 6} <= set(ids) <= set(counted_ids), case
            assert ids == counted_ids or place[-1] in SIZES or place[-1] == 'keypoints', case
            assert log.status != 'DO NOT TRAIN', case
        elif not refusal.startswith('image '):  # of a name, which may be that of an image
            assert log.status == 'DO NOT TRAIN', case
            # an evaluation needs no images and, without annotations, gives -1; Halpe's files have
            # confidences; the two parsers of JSON print integers beyond 64 bits in two ways
            is_needed = place[-1] != 'file_name' and value not in ([], 0.5, 2**70)
            assert not is_needed or agree(refusal, evaluation_refusal), case
