"""The shipped skeletons are the published ones, and consistent in themselves."""

import re

import numpy as np
import pytest

from mmpose.metainfo import available_metainfo, load_metainfo

# Published numbers: keypoints, mirror pairs, limbs, upper and lower body, and whether there are
# sigmas. Sources: the papers and the COCO-style annotations that the tables name.
PUBLISHED = {
    '300w': (68, 29, 0, 0, 0, False),
    'aflw': (19, 8, 0, 0, 0, False),
    'aic': (14, 6, 14, 8, 6, True),
    'animalkingdom': (23, 8, 22, 14, 9, True),
    'animalpose': (20, 8, 20, 13, 7, True),
    'ap10k': (17, 7, 17, 9, 8, True),
    'atrw': (15, 6, 14, 7, 8, True),
    'coco': (17, 8, 19, 11, 6, True),
    'coco_wholebody': (133, 61, 65, 11, 12, True),
    'coco_wholebody_face': (68, 29, 0, 0, 0, True),
    'coco_wholebody_hand': (21, 0, 20, 0, 0, True),
    'cofw': (29, 11, 0, 0, 0, False),
    'crowdpose': (14, 6, 15, 8, 6, True),
    'deepfashion2': (294, 131, 304, 0, 0, False),
    'deepfashion_full': (8, 4, 0, 0, 0, False),
    'deepfashion_lower': (4, 2, 0, 0, 0, False),
    'deepfashion_upper': (6, 3, 0, 0, 0, False),
    'exlpose': (14, 6, 13, 8, 6, True),
    'fly': (32, 14, 25, 0, 0, False),
    'freihand': (21, 0, 20, 0, 0, False),
    'h36m': (17, 6, 16, 10, 7, False),
    'halpe': (136, 61, 67, 13, 13, True),
    'halpe26': (26, 11, 27, 13, 13, True),
    'horse10': (22, 0, 18, 13, 9, False),
    'humanart21': (21, 10, 23, 13, 8, True),
    'interhand2d': (21, 0, 20, 0, 0, False),
    'jhmdb': (15, 6, 14, 9, 6, True),
    'lapa': (106, 48, 0, 0, 0, False),
    'locust': (35, 15, 26, 0, 0, False),
    'macaque': (17, 8, 19, 11, 6, True),
    'mhp': (16, 6, 15, 9, 7, True),
    'mpii': (16, 6, 15, 9, 7, True),
    'mpii_trb': (40, 19, 27, 22, 18, False),
    'onehand10k': (21, 0, 20, 0, 0, False),
    'panoptic_hand': (21, 0, 20, 0, 0, False),
    'posetrack18': (17, 7, 16, 11, 6, True),
    'rhd': (21, 0, 20, 0, 0, False),
    'wflw': (98, 44, 0, 0, 0, False),
    'zebra': (9, 2, 8, 0, 0, False),
}
# Mirror partners that were published with unequal values, which stay as they are because published
# figures depend on them.
UNEQUAL_WEIGHTS = {'ap10k', 'crowdpose', 'exlpose'}
UNEQUAL_SIGMAS = {'aic', 'animalpose', 'atrw', 'coco_wholebody', 'coco_wholebody_face'}
UNEQUAL_PARTS = {'ap10k'}
SIDE = re.compile(r'(?<![A-Za-z])(left|right|L|R|Left|Right)(?![A-Za-z])|(?<=[a-z])([LR])(?=\d?$)')
OTHER = {'left': 'right', 'right': 'left', 'Left': 'Right', 'Right': 'Left', 'L': 'R', 'R': 'L'}


def mirrored(name):
    """Returns a keypoint name with left and right exchanged."""
    return SIDE.sub(lambda match: OTHER[match.group()], name)


@pytest.fixture(params=sorted(PUBLISHED))
def meta(request):
    return load_metainfo(request.param)


def test_every_table_is_listed():
    assert available_metainfo() == sorted(PUBLISHED)


def test_published_numbers(meta):
    num_pairs = int((meta.flip_indices != np.arange(meta.num_keypoints)).sum()) // 2
    found = (
        meta.num_keypoints,
        num_pairs,
        len(meta.skeleton_links),
        len(meta.upper_body_ids),
        len(meta.lower_body_ids),
        meta.sigmas is not None,
    )
    assert found == PUBLISHED[meta.name]


def test_partners_are_left_and_right(meta):
    for name, partner in zip(meta.keypoint_names, meta.flip_indices, strict=True):
        if not re.search(r'(-|_kpt)\d+$', name):  # a number says nothing about the side
            assert meta.keypoint_names[partner] == mirrored(name)


def test_flips_are_involutions(meta):
    np.testing.assert_array_equal(
        meta.flip_indices[meta.flip_indices], np.arange(meta.num_keypoints)
    )


def test_partners_have_equal_values(meta):
    flips = meta.flip_indices
    assert np.array_equal(meta.dataset_keypoint_weights, meta.dataset_keypoint_weights[flips]) == (
        meta.name not in UNEQUAL_WEIGHTS
    )
    if meta.sigmas is not None:
        assert np.array_equal(meta.sigmas, meta.sigmas[flips]) == (meta.name not in UNEQUAL_SIGMAS)
    for part in (meta.upper_body_ids, meta.lower_body_ids):
        is_symmetric = {int(flips[i]) for i in part} == set(part)
        assert is_symmetric == (meta.name not in UNEQUAL_PARTS)


def test_limbs_connect_distinct_keypoints_once(meta):
    skeleton_links = [frozenset(limb) for limb in meta.skeleton_links.tolist()]
    assert all(len(limb) == 2 for limb in skeleton_links)
    assert len(set(skeleton_links)) == len(skeleton_links)


def test_limbs_are_symmetric(meta):
    skeleton_links = {frozenset(limb) for limb in meta.skeleton_links.tolist()}
    assert {
        frozenset(int(meta.flip_indices[i]) for i in limb) for limb in skeleton_links
    } == skeleton_links


@pytest.mark.parametrize('name', ['interhand2d', 'freihand', 'onehand10k', 'rhd', 'panoptic_hand'])
def test_hands_are_one_skeleton(name):
    """Fingers hang at the wrist; InterHand2.6M and RHD count from the tips, the others from it."""
    meta, other = load_metainfo(name), load_metainfo('coco_wholebody_hand')
    assert set(meta.keypoint_names) == set(other.keypoint_names)
    skeleton_links = {
        frozenset(skeleton.keypoint_names[i] for i in limb)
        for skeleton in (meta, other)
        for limb in skeleton.skeleton_links
    }
    assert len(skeleton_links) == 20
    assert (meta.keypoint_names == other.keypoint_names) == (name not in ('interhand2d', 'rhd'))


def test_wholebody_holds_the_smaller_skeletons():
    whole = load_metainfo('coco_wholebody')
    parts = {
        'coco': slice(0, 17),
        'coco_wholebody_face': slice(23, 91),
        'coco_wholebody_hand': slice(91, 112),
    }
    for name, part in parts.items():
        np.testing.assert_array_equal(whole.sigmas[part], load_metainfo(name).sigmas)
    face = load_metainfo('coco_wholebody_face')
    np.testing.assert_array_equal(whole.flip_indices[23:91] - 23, face.flip_indices)


@pytest.mark.parametrize(
    ('name', 'joint', 'partner', 'sigma', 'weight'),
    [
        ('aic', 'right_shoulder', 'left_shoulder', 0.01388152, 1.0),
        ('mpii', 'right_shoulder', 'left_shoulder', 0.179, 1.0),
        ('crowdpose', 'left_wrist', 'right_wrist', 0.062, 1.5),
        ('ap10k', 'R_F_Paw', 'L_F_Paw', 0.062, 1.5),
        ('animalpose', 'L_EarBase', 'R_EarBase', 0.026, 1.0),
        ('coco_wholebody', 'face-0', 'face-16', 0.042, 1.0),
        ('coco_wholebody', 'right_pinky_finger4', 'left_pinky_finger4', 0.031, 1.0),
        ('halpe', 'right_heel', 'left_heel', 0.089, 1.0),
        ('atrw', 'nose', 'nose', 0.0831, 1.0),
        ('jhmdb', 'left_ankle', 'right_ankle', 0.089, 1.5),
        ('exlpose', 'neck', 'neck', 0.079, 0.5),
        ('humanart21', 'left_finger', 'right_finger', 0.089, 1.0),
    ],
)
def test_published_values(name, joint, partner, sigma, weight):
    meta = load_metainfo(name)
    i = meta.keypoint_names.index(joint)
    assert meta.keypoint_names[meta.flip_indices[i]] == partner
    assert meta.sigmas[i] == pytest.approx(sigma)
    assert meta.dataset_keypoint_weights[i] == pytest.approx(weight)


@pytest.mark.parametrize(
    ('name', 'pairs'),
    [
        ('300w', [(0, 16), (36, 45), (48, 54)]),
        ('wflw', [(0, 32), (60, 72), (96, 97)]),
        ('cofw', [(8, 9), (16, 17)]),
        ('aflw', [(6, 11), (12, 14)]),
        ('lapa', [(0, 32), (66, 79), (104, 105)]),
    ],
)
def test_faces_pair_the_corners_that_metrics_use(name, pairs):
    flips = load_metainfo(name).flip_indices
    assert [int(flips[a]) for a, _ in pairs] == [b for _, b in pairs]


@pytest.mark.parametrize(
    ('theirs', 'ours'),
    [('300vw', '300w'), ('300wlp', '300w'), ('ubody2d', 'coco_wholebody'), ('rhd2d', 'rhd')],
)
def test_names_of_mmpose(theirs, ours):
    assert load_metainfo(theirs) == load_metainfo(ours)


def test_fingers_of_rhd_count_from_the_tip():
    """Zimmermann and Brox number the points of a finger from its tip to the palm."""
    names = load_metainfo('rhd').keypoint_names
    assert names[:6] == ('wrist', 'thumb4', 'thumb3', 'thumb2', 'thumb1', 'forefinger4')
