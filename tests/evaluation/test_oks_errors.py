"""Planted errors are named as planted, and a loop over the definitions agrees on random poses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.synthetic_coco import make_synthetic_coco
from mmpose.evaluation.functional import (
    KeypointDetections,
    KeypointGroundTruth,
    evaluate_coco,
)
from mmpose.evaluation.functional.error_correction import CORRECTIONS, correct_detections
from mmpose.evaluation.functional.error_kinds import KEYPOINT_KINDS, find_errors
from mmpose.evaluation.functional.oks_errors import (
    analyze_errors,
    count_errors,
    count_overlaps,
    crowding_table,
    image_losses,
    keypoint_table,
    lost_oks,
    size_table,
)
from mmpose.metainfo import load_metainfo

META = load_metainfo('coco')
SIGMAS, FLIP = META.sigmas, META.flip_indices
SCALE = 100.0  # square root of the area: the widest joint, a hip, has k = 21 px
# 150 px apart, so that no joint is close to another
POSE = np.stack([np.arange(17) % 5, np.arange(17) // 5], axis=1) * 150.0
LEFT_WRIST, RIGHT_WRIST = 9, 10
ALL_GOOD = dict.fromkeys([*KEYPOINT_KINDS, 'score', 'false_positive', 'false_negative'], 0)


def people(*shifts, image_id=None, **changes):
    """POSE per person, moved to the right, in image 1 unless told."""
    num = len(shifts)
    keypoints = POSE + np.array([[[shift, 0.0]] for shift in shifts]).reshape(-1, 1, 2)
    fields = {
        'image_ids': np.array([1, 2, 3]),
        'category_ids': np.array([1]),
        'ann_id': np.arange(num) + 1,
        'image_id': np.ones(num, int) if image_id is None else np.array(image_id),
        'category_id': np.ones(num, int),
        'keypoints': keypoints,
        'keypoints_visible': np.ones((num, 17), bool),
        'area': np.full(num, SCALE**2),
        'bbox_xywh': np.concatenate([keypoints.min(1), np.ptp(keypoints, axis=1)], axis=1),
        'iscrowd': np.zeros(num, bool),
        'num_labelled': np.full(num, 17),
    }
    return KeypointGroundTruth(**{**fields, **changes})


def poses(keypoints, scores, image_id=None):
    num = len(keypoints)
    return KeypointDetections(
        image_id=np.ones(num, int) if image_id is None else np.array(image_id),
        category_id=np.ones(num, int),
        keypoints=np.array(keypoints),
        keypoint_scores=np.ones((num, 17)),
        scores=np.array(scores, float),
    )


def beside(shift):
    return POSE + np.array([shift, 0.0])


def distance(similarity, joint):
    """Px at which a joint has this similarity."""
    return 2 * SIGMAS[joint] * SCALE * math.sqrt(-2 * math.log(similarity))


def moved(joint, similarity):
    pose = POSE.copy()
    pose[joint, 0] += distance(similarity, joint)
    return pose


def placed(joint, place):
    pose = POSE.copy()
    pose[joint] = place
    return pose


def analyze(gt, dt, **options):
    return analyze_errors(gt, dt, SIGMAS, FLIP, **options)


OTHER = 2000.0  # shift of the second person
JOINTS_PLANTED = {
    'jitter': moved(LEFT_WRIST, 0.7),
    'inversion': placed(LEFT_WRIST, POSE[RIGHT_WRIST]),
    'swap': placed(LEFT_WRIST, POSE[LEFT_WRIST] + [OTHER, 0]),
    'miss': placed(LEFT_WRIST, [-500.0, -500.0]),
}


@pytest.mark.parametrize(
    ('pose', 'kind'),
    [
        *[(pose, kind) for kind, pose in JOINTS_PLANTED.items()],
        (placed(LEFT_WRIST, POSE[RIGHT_WRIST] + [OTHER, 0]), 'swap'),
        (placed(LEFT_WRIST, POSE[0]), 'miss'),  # at the nose, which is no partner
        (moved(LEFT_WRIST, 0.86), 'good'),
        (moved(LEFT_WRIST, 0.84), 'jitter'),
        (moved(LEFT_WRIST, 0.51), 'jitter'),
        (moved(LEFT_WRIST, 0.49), 'miss'),
    ],
)
def test_a_planted_joint_is_named(pose, kind):
    gt = people(0, OTHER)
    errors = find_errors(gt, poses([pose, beside(OTHER)], [0.8, 0.9]), SIGMAS, FLIP)
    expected = np.zeros((2, 17), int)
    expected[0, LEFT_WRIST] = KEYPOINT_KINDS.index(kind)
    np.testing.assert_array_equal(errors.kinds, expected)
    np.testing.assert_array_equal(errors.matched, [0, 1])


def test_the_nearest_place_decides():
    """The partner 20 px away: a point nearer to it is an inversion although its own is close."""
    gt = people(0)
    gt.keypoints[0, RIGHT_WRIST] = gt.keypoints[0, LEFT_WRIST] + [12, 0]
    nearer = gt.keypoints[0].copy()
    nearer[LEFT_WRIST, 0] += 9
    farther = gt.keypoints[0].copy()
    farther[LEFT_WRIST, 0] -= 9
    for pose, kind in ((nearer, 'inversion'), (farther, 'jitter')):
        errors = find_errors(gt, poses([pose], [1.0]), SIGMAS, FLIP)
        assert 0.5 < errors.similarity[0, LEFT_WRIST] < 0.85
        assert KEYPOINT_KINDS[errors.kinds[0, LEFT_WRIST]] == kind


def test_an_unlabelled_joint_has_no_kind_and_is_no_place():
    keypoints_visible = np.ones((2, 17), bool)
    keypoints_visible[0, [LEFT_WRIST, 0]] = False
    keypoints_visible[1, LEFT_WRIST] = False
    gt = people(0, OTHER, keypoints_visible=keypoints_visible)
    pose = placed(RIGHT_WRIST, POSE[LEFT_WRIST])
    second = beside(OTHER)
    errors = find_errors(gt, poses([pose, second], [1.0, 0.9]), SIGMAS, FLIP)
    assert errors.kinds[0, LEFT_WRIST] == errors.kinds[0, 0] == -1
    assert KEYPOINT_KINDS[errors.kinds[0, RIGHT_WRIST]] == 'miss'


def planted(kind):
    """Two people in two images and their exact poses, but for errors of one kind."""
    gt = people(0, OTHER, image_id=[1, 1])
    exact = [POSE, beside(OTHER)]
    if kind in JOINTS_PLANTED:
        pose = JOINTS_PLANTED[kind].copy()
        legs = np.arange(11, 17)  # enough wrong joints to cost AP
        source = {
            'jitter': POSE[legs] + np.array([[distance(0.6, j), 0] for j in legs]),
            'inversion': POSE[FLIP[legs]],
            'swap': POSE[legs] + [OTHER, 0],
            'miss': POSE[legs] - 3000,
        }
        pose[legs] = source[kind]
        return gt, poses([pose, exact[1]], [0.8, 0.9]), 7
    if kind == 'score':
        bad = POSE.copy()
        bad[:, 0] += [distance(0.86, joint) for joint in range(17)]  # all good, OKS 0.86
        return gt, poses([bad, *exact], [0.9, 0.3, 0.8]), 1
    if kind == 'false_positive':
        return gt, poses([POSE - 3000, *exact], [0.95, 0.3, 0.8]), 1
    return gt, poses(exact[:1], [0.7]), 1


@pytest.mark.parametrize('kind', CORRECTIONS)
def test_a_planted_kind_is_counted_and_explains_all_of_the_loss(kind):
    gt, dt, num = planted(kind)
    analysis = analyze(gt, dt)
    expected = {**ALL_GOOD, kind: num}
    expected['good'] = 17 * int((analysis.errors.matched >= 0).sum())
    if kind in KEYPOINT_KINDS:
        expected['good'] -= num
    if kind == 'score':
        expected['false_positive'] = 1  # the better pose, whose person is taken
        assert analysis.errors.is_duplicate.sum() == 1
        assert analysis.errors.better.tolist() == [1, -1, -1]
    assert count_errors(analysis) == expected
    before = evaluate_coco(gt, dt, SIGMAS).summary()['AP']
    assert before < 0.999
    assert analysis.ap.metrics['AP'] == before
    assert analysis.ap.alone[kind] == pytest.approx(1)
    assert analysis.ap.progressive['false_negative'] == pytest.approx(1)
    first = CORRECTIONS.index(kind)
    for earlier in CORRECTIONS[: first - (kind == 'false_positive')]:  # its score falls first
        assert analysis.ap.progressive[earlier] == pytest.approx(before)
    others = set(CORRECTIONS) - {kind, 'score', 'false_positive'}  # those two mend each other
    for other in others:
        assert analysis.ap.alone[other] == pytest.approx(before)


def test_a_perfect_result_has_no_errors():
    gt, _ = make_synthetic_coco(12, 60, 10, seed=3)
    rows = np.flatnonzero((gt.num_labelled > 0) & ~gt.iscrowd)
    dt = KeypointDetections(
        image_id=gt.image_id[rows],
        category_id=gt.category_id[rows],
        keypoints=gt.keypoints[rows],
        keypoint_scores=np.ones((len(rows), 17)),
        scores=np.linspace(0.1, 1, len(rows)),
    )
    analysis = analyze(gt, dt)
    labelled = int(gt.keypoints_visible[rows].sum())
    assert count_errors(analysis) == {**ALL_GOOD, 'good': labelled}
    assert analysis.ap.metrics['AP'] == 1
    assert set(analysis.ap.alone.values()) == {1.0}
    assert set(lost_oks(analysis).values()) == {0.0}
    assert not image_losses(analysis).any()


def confused_poses(seed, num_categories=1):
    """Annotated poses with noise, exchanged joints, duplicates, holes and inventions."""
    rng = np.random.default_rng(seed)
    gt, noise = make_synthetic_coco(15, 90, 120, seed, num_categories)
    rows = rng.permutation(len(gt.ann_id))[:70]
    rows = np.append(rows, rng.choice(rows, 20))
    pose = gt.keypoints[rows] + rng.normal(0, 0.03, (90, 17, 2)) * gt.area[rows, None, None] ** 0.5
    for i in range(len(rows)):
        inverted = rng.random(17) < 0.15
        pose[i, inverted] = pose[i, FLIP[inverted]]
        others = np.flatnonzero(gt.image_id == gt.image_id[rows[i]])
        swapped = rng.random(17) < 0.15
        pose[i, swapped] = gt.keypoints[rng.choice(others), swapped]
    copies = KeypointDetections(
        image_id=gt.image_id[rows],
        category_id=gt.category_id[rows],
        keypoints=pose,
        keypoint_scores=np.ones((90, 17)),
        scores=np.round(rng.random(90), 1),  # with ties
    )
    return gt, replace(
        copies,
        image_id=np.append(copies.image_id, noise.image_id),
        category_id=np.append(copies.category_id, noise.category_id),
        keypoints=np.concatenate([copies.keypoints, noise.keypoints]),
        keypoint_scores=np.concatenate([copies.keypoint_scores, noise.keypoint_scores]),
        scores=np.append(copies.scores, noise.scores),
    )


def similarity(point, place, area, joint):
    squared = (point[0] - place[0]) ** 2 + (point[1] - place[1]) ** 2
    return math.exp(-squared / (2 * area * (2 * float(SIGMAS[joint])) ** 2))


def plain_oks(gt, g, pose):
    values = [
        similarity(pose[j], gt.keypoints[g, j], gt.area[g], j)
        for j in range(17)
        if gt.keypoints_visible[g, j]
    ]
    if values:
        return sum(values) / len(values)
    x, y, w, h = gt.bbox_xywh[g]  # unlabelled: distance to the box of three times the size
    nearest = [(min(max(p[0], x - w), x + 2 * w), min(max(p[1], y - h), y + 2 * h)) for p in pose]
    return sum(similarity(pose[j], nearest[j], gt.area[g], j) for j in range(17)) / 17


def plain_matching(gt, dt):
    """Annotation of each detection; -2 for one on a person who does not count."""
    counts = [bool(n > 0 and not c) for n, c in zip(gt.num_labelled, gt.iscrowd, strict=True)]
    by_score = sorted(range(len(dt.scores)), key=lambda d: -dt.scores[d])
    partner = [-1] * len(dt.scores)
    taken = set()
    for lowest, wanted in ((0.5, True), (0.5, False), (0.1, True)):
        for d in by_score:
            if partner[d] != -1:
                continue
            best = None
            for g in range(len(gt.ann_id)):
                same = (gt.image_id[g], gt.category_id[g]) == (dt.image_id[d], dt.category_id[d])
                if not same or counts[g] != wanted or g in taken:
                    continue
                oks = plain_oks(gt, g, dt.keypoints[d])
                if oks >= lowest and (best is None or oks >= best[0]):
                    best = (oks, g)
            if best:
                partner[d] = best[1] if wanted else -2
                if not gt.iscrowd[best[1]]:
                    taken.add(best[1])
    return partner


def plain_kind(gt, g, point, joint):
    if not gt.keypoints_visible[g, joint]:
        return -1
    own = similarity(point, gt.keypoints[g, joint], gt.area[g], joint)
    if own >= 0.85:
        return KEYPOINT_KINDS.index('good')
    best, kind = own, 'jitter'
    partner = int(FLIP[joint])
    if partner != joint and gt.keypoints_visible[g, partner]:
        inverted = similarity(point, gt.keypoints[g, partner], gt.area[g], partner)
        if inverted > best:
            best, kind = inverted, 'inversion'
    for other in range(len(gt.ann_id)):
        if other == g or gt.image_id[other] != gt.image_id[g] or gt.iscrowd[other]:
            continue
        for place in {joint, partner}:
            if not gt.keypoints_visible[other, place]:
                continue
            value = similarity(point, gt.keypoints[other, place], gt.area[other], place)
            if value > best:
                best, kind = value, 'swap'
    return KEYPOINT_KINDS.index(kind if best >= 0.5 else 'miss')


@pytest.mark.parametrize(('seed', 'num_categories'), [(0, 1), (1, 1), (2, 2)])
def test_a_loop_over_the_definitions_agrees(seed, num_categories):
    gt, dt = confused_poses(seed, num_categories)
    analysis = analyze(gt, dt)
    dt, errors = analysis.dt, analysis.errors
    partner = plain_matching(gt, dt)
    assert errors.matched.tolist() == [max(p, -1) for p in partner]
    assert errors.is_false_positive.tolist() == [p == -1 for p in partner]
    expected = np.full((len(partner), 17), -1)
    for d, g in enumerate(partner):
        if g >= 0:
            expected[d] = [plain_kind(gt, g, dt.keypoints[d, j], j) for j in range(17)]
    np.testing.assert_array_equal(errors.kinds, expected)
    assert set(expected.ravel()) == {-1, 0, 1, 2, 3, 4}  # every kind occurs
    for d, better in enumerate(errors.better.tolist()):
        if partner[d] < 0:
            assert better == -1
            continue
        own = plain_oks(gt, partner[d], dt.keypoints[d])
        rivals = {
            round(plain_oks(gt, partner[d], dt.keypoints[e]), 9): e
            for e in range(len(partner))
            if partner[e] == -1
            and (dt.image_id[e], dt.category_id[e]) == (dt.image_id[d], dt.category_id[d])
        }
        best = max(rivals, default=0)
        assert better == (rivals[best] if best >= 0.5 and best > own else -1)
    assert (errors.better >= 0).sum() >= 1


@pytest.mark.parametrize('seed', [4, 5])
def test_figures_are_those_of_the_evaluation(seed):
    gt, dt = confused_poses(seed)
    analysis = analyze(gt, dt)
    figures = evaluate_coco(gt, dt, SIGMAS).summary()
    assert analysis.ap.metrics == figures
    counted = (gt.num_labelled > 0) & ~gt.iscrowd
    found = (analysis.errors.matched >= 0) & (analysis.errors.oks >= 0.5)
    assert found.sum() / counted.sum() == pytest.approx(figures['AR .5'])
    mean_oks = analysis.errors.oks.sum() / counted.sum()
    assert mean_oks + sum(lost_oks(analysis).values()) == pytest.approx(1)


def test_all_corrections_leave_only_the_human_error():
    """Corrected poses reach OKS 0.85, so nothing is lost at the thresholds up to that."""
    gt, dt = confused_poses(6)
    analysis = analyze(gt, dt)

    def precision(kinds):
        corrected = correct_detections(gt, analysis.dt, analysis.errors, SIGMAS, kinds)
        scores = evaluate_coco(gt, corrected, SIGMAS, max_detections=1000)
        return scores.precision[0, 0, :8]  # thresholds 0.50 to 0.85

    np.testing.assert_array_equal(precision(CORRECTIONS), 1)
    for left_out in ('miss', 'swap', 'inversion', 'false_negative'):
        assert precision([kind for kind in CORRECTIONS if kind != left_out]).mean() < 1, left_out


def test_people_who_do_not_count():
    """A pose on an unlabelled person is no error, the second one there is; a crowd takes all."""
    keypoints_visible = np.ones((3, 17), bool)
    keypoints_visible[1] = False
    gt = people(
        *(0, OTHER, 2 * OTHER),
        keypoints_visible=keypoints_visible,
        num_labelled=np.array([17, 0, 17]),
        iscrowd=np.array([False, False, True]),
    )
    shifts = [0, OTHER, OTHER, 2 * OTHER, 2 * OTHER]
    dt = poses([beside(shift) for shift in shifts], [0.9, 0.8, 0.7, 0.6, 0.5])
    analysis = analyze(gt, dt)
    assert analysis.errors.matched.tolist() == [0, -1, -1, -1, -1]
    assert analysis.errors.is_false_positive.tolist() == [False, False, True, False, False]
    assert count_errors(analysis)['false_negative'] == 0


def test_tables():
    gt = people(0, 30, OTHER, 0, image_id=[1, 1, 1, 2], area=np.array([500.0, 2000, 1e4, 2e4]))
    pose = placed(LEFT_WRIST, [-5000.0, -5000.0])
    dt = poses([pose, beside(OTHER)], [0.9, 0.8], image_id=[2, 1])
    analysis = analyze(gt, dt)
    expected = np.zeros((17, 5), int)
    expected[:, 0] = 2
    expected[LEFT_WRIST] = [1, 0, 0, 0, 1]
    np.testing.assert_array_equal(keypoint_table(analysis), expected)
    sizes = size_table(analysis)
    found = [(group['people'], group['missed_people']) for group in sizes.values()]
    assert found == [(1, 1), (1, 1), (2, 0)]
    assert size_table(analyze(people(0), dt.take(np.array([1]))))['small']['mean_oks'] is None
    assert sizes['large']['miss'] == 1
    assert sizes['large']['mean_oks'] == pytest.approx((1 + 16 / 17) / 2)
    crowding = crowding_table(analysis)
    assert [group['people'] for group in crowding.values()] == [2, 2, 0, 0]
    assert crowding['1']['missed_people'] == 2
    np.testing.assert_allclose(image_losses(analysis), [2, 1 / 17, 0])


def test_overlaps():
    boxes = [[0, 0, 10, 10], [5, 0, 10, 10], [9, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]]
    gt = people(
        *[0] * 5,
        image_id=[1, 1, 1, 2, 1],
        bbox_xywh=np.array(boxes, float),
        iscrowd=np.array([False] * 4 + [True]),
    )
    # 0 and 1: IoU 1/3; 1 and 2: 6/14; 0 and 2: 1/19, too little; the crowd is nobody
    assert count_overlaps(gt).tolist() == [1, 2, 1, 0, 2]


def test_only_the_best_detections_are_looked_at():
    dt = poses([POSE] * 25, np.linspace(1, 0.5, 25))
    analysis = analyze(people(0), dt)
    assert analysis.dt.scores.tolist() == dt.scores[:20].tolist()
    assert analysis.ap.alone['false_negative'] == analysis.ap.metrics['AP']


def test_a_missed_person_is_added_beyond_the_best_detections():
    elsewhere = [POSE - 3000.0 - 10 * i for i in range(19)]
    dt = poses([*elsewhere, POSE], np.linspace(1, 0.5, 20))
    analysis = analyze(people(0, OTHER), dt)
    assert analysis.ap.alone['false_negative'] > analysis.ap.metrics['AP'] > 0


def test_nothing_was_found():
    analysis = analyze(people(0, OTHER), poses(np.zeros((0, 17, 2)), []))
    assert count_errors(analysis) == {**ALL_GOOD, 'false_negative': 2}
    assert analysis.ap.metrics['AP'] == 0
    assert analysis.ap.progressive['false_negative'] == 1


def test_area_of_the_box():
    gt, dt = confused_poses(7)
    without = replace(gt, area=np.full(len(gt.area), np.nan))
    analysis = analyze(without, dt, use_area=False)
    expected = evaluate_coco(without, dt, SIGMAS, use_area=False).summary()
    assert analysis.ap.metrics == pytest.approx(expected)
    with pytest.raises(ValueError, match='use_area=False'):
        analyze(without, dt)


def test_an_unknown_kind_is_named():
    gt, dt, _ = planted('miss')
    analysis = analyze(gt, dt)
    with pytest.raises(ValueError, match='gitter is not a kind of error; expected one of miss'):
        correct_detections(gt, dt, analysis.errors, SIGMAS, ['gitter'])
