"""Sides, partners and matches of keypoint names, whatever their spelling."""

import re

import numpy as np
import pytest

from mmpose.metainfo import available_metainfo, load_metainfo
from mmpose.metainfo.keypoint_names import (
    body_half,
    find_disorder,
    find_partners,
    match_keypoints,
    parse_name,
    parse_names,
    point_key,
)

COCO = load_metainfo('coco').keypoint_names
COCO_FLIPS = load_metainfo('coco').flip_indices.tolist()
LIMBS = {
    f'{side}_{part}'
    for side in ('left', 'right')
    for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
}
SPANISH = dict(
    nose='nariz', eye='ojo', ear='oreja', shoulder='hombro', elbow='codo', wrist='muñeca',
    hip='cadera', knee='rodilla', ankle='tobillo',
)  # fmt: skip
GERMAN = dict(
    nose='Nase', eye='Auge', ear='Ohr', shoulder='Schulter', elbow='Ellbogen', wrist='Handgelenk',
    hip='Hüfte', knee='Knie', ankle='Knöchel',
)  # fmt: skip
FRENCH = dict(
    nose='nez', eye='œil', ear='oreille', shoulder='épaule', elbow='coude', wrist='poignet',
    hip='hanche', knee='genou', ankle='cheville',
)  # fmt: skip
# Ways to write a keypoint of COCO: from its side, '' for the nose, and its part.
SPELLINGS = {
    'left_eye': lambda side, part: f'{side}_{part}',
    'left eye': lambda side, part: f'{side} {part}',
    'l_eye': lambda side, part: f'{side[0]}_{part}',
    'l-eye': lambda side, part: f'{side[0]}-{part}',
    'lt_eye': lambda side, part: f'{side[0]}t_{part}',
    'Leye': lambda side, part: f'{side[0].upper()}{part}',
    'leye': lambda side, part: f'{side[0]}{part}',
    'LEYE': lambda side, part: f'{side[0]}{part}'.upper(),
    'lefteye': lambda side, part: f'{side}{part}',
    'eye_L': lambda side, part: f'{part}_{side[0].upper()}',
    'eyeL': lambda side, part: f'{part}{side[0].upper()}',
    'EyeLeft': lambda side, part: f'{part.title()}{side.title()}',
    'leftEye': lambda side, part: f'{side}{part.title()}',
    'LeftEye': lambda side, part: f'{side.title()}{part.title()}',
    'LEye': lambda side, part: f'{side[0].upper()}{part.title()}',
    'L_Eye': lambda side, part: f'{side[0].upper()}_{part.title()}',
    'eye.l': lambda side, part: f'{part}.{side[0]}',
    'LEFT_EYE': lambda side, part: f'{side}_{part}'.upper(),
    'ojo_izq': lambda side, part: f'{SPANISH[part]}_{"izq" if side == "left" else "der"}',
    'ojo izquierdo': lambda side, part: (
        f'{SPANISH[part]} {"izquierdo" if side == "left" else "derecho"}'
    ),
    'linkes Auge': lambda side, part: f'{"linkes" if side == "left" else "rechtes"} {GERMAN[part]}',
    'œil gauche': lambda side, part: f'{FRENCH[part]} {"gauche" if side == "left" else "droit"}',
    # The table knows the sides, but not the parts.
    'left_qx': lambda side, part: f'{side}_q{ord(part[0])}{ord(part[1])}x',
    'Lqx': lambda side, part: f'{side[0].upper()}q{ord(part[0])}x{ord(part[1])}x',
}


def spell(spelling, names=COCO):
    """Returns keypoint names of COCO in another spelling."""
    write = SPELLINGS[spelling]
    pairs = [name.split('_') for name in names]
    return [pair[0] if len(pair) == 1 else write(*pair) for pair in pairs]


@pytest.fixture(params=SPELLINGS)
def spelling(request):
    return request.param


def test_partners_in_every_spelling(spelling):
    names = spell(spelling)
    assert [name.side for name in parse_names(names)] == [name.side for name in parse_names(COCO)]
    assert find_partners(names) == COCO_FLIPS


def test_the_order_of_the_skeleton_is_accepted_in_every_spelling(spelling):
    assert find_disorder(spell(spelling), COCO) is None
    assert find_disorder(COCO, spell(spelling)) is None


def test_exchanged_sides_are_found_in_every_spelling(spelling):
    exchanged = [COCO[i] for i in COCO_FLIPS]
    assert find_disorder(spell(spelling, exchanged), COCO) == 1
    assert find_disorder(exchanged, spell(spelling)) == 1
    for other in ('eye_L', 'Leye'):
        assert find_disorder(spell(spelling, exchanged), spell(other)) == 1


def test_one_exchanged_pair_is_found_in_every_spelling(spelling):
    names = list(COCO)
    names[9], names[10] = names[10], names[9]
    assert find_disorder(spell(spelling, names), COCO) == 9


@pytest.mark.parametrize(
    ('name', 'side', 'words'),
    [
        ('left_eye', 'left', 'eye'),
        ('RShoulder', 'right', 'shoulder'),
        ('eyeL', 'left', 'eye'),
        ('hip-r', 'right', 'hip'),
        ('front left paw', 'left', 'front paw'),
        ('L_F_Paw', 'left', 'front paw'),
        ('rf_paw', 'right', 'front paw'),
        ('forelegR1', 'right', 'foreleg 1'),
        ('left-big.toe', 'left', 'big toe'),
        ('medial_right_bow', 'right', 'medial bow'),
        ('Root of tail', '', 'root of tail'),
        ('nose', '', 'nose'),
        ('нос', '', 'нос'),
        # no sides
        ('upright', '', 'upright'),
        ('left', '', 'left'),
        ('cleft_lip', '', 'cleft lip'),
        ('leftover', '', 'leftover'),
        ('leg', '', 'leg'),
        ('lip', '', 'lip'),
        ('rear', '', 'back'),
        ('rump', '', 'rump'),
        ('collar', '', 'collar'),
        ('tail_root', '', 'tail root'),
        ('ring_finger1', '', 'ring finger 1'),
        ('12', '', '12'),
        ('kpt-3', '', 'kpt 3'),
        ('left_to_right', '', 'left to right'),
        # a side beside a word that looks like one
        ('elbow_l', 'left', 'elbow'),
        ('lower_lip', '', 'lower lip'),
        ('lower_lip_r', 'right', 'lower lip'),
        ('right_rear_paw', 'right', 'back paw'),
        ('lear', 'left', 'ear'),
        ('l_leg', 'left', 'leg'),
    ],
)
def test_sides_of_names(name, side, words):
    assert parse_name(name) == (side, tuple(words.split(' ')))


@pytest.mark.parametrize(
    ('names', 'partners'),
    [
        (['nose', 'lank', 'rank', 'l_hip', 'tail'], [0, 2, 1, 3, 4]),
        (['kneeL', 'kneeR', 'lip', 'rib'], [1, 0, 2, 3]),
        (['lear', 'rear', 'rump', 'leg'], [1, 0, 2, 3]),
        (['lip', 'rip', 'leg', 'reg'], [0, 1, 2, 3]),
        (['l_eye', 'left_eye', 'right_eye'], [0, 1, 2]),
        (['leftfluke', 'rightfluke', 'izqaleta', 'deraleta'], [1, 0, 3, 2]),
        (['左目', '右目'], [1, 0]),
        (['rear_l', 'rear_r', 'rear'], [1, 0, 2]),
        (['1', '2', 'L', 'R'], [0, 1, 3, 2]),
    ],
)
def test_partners_by_name(names, partners):
    assert find_partners(names) == partners


@pytest.mark.parametrize('skeleton', available_metainfo())
def test_partners_are_those_of_the_shipped_skeletons(skeleton):
    dataset_meta = load_metainfo(skeleton)
    names = dataset_meta.keypoint_names
    numbered = np.array([bool(re.search(r'(-|_kpt)\d+$', name)) for name in names])  # say no side
    expected = np.where(numbered, np.arange(len(names)), dataset_meta.flip_indices)
    assert find_partners(names) == expected.tolist()
    assert len({name.key for name in parse_names(names)}) == len(names)


@pytest.mark.parametrize(
    ('names', 'place'),
    [
        (['a', 'b', 'c'], None),
        (['x', 'y', 'z'], None),
        (['A', 'C', 'b'], 1),
        (['x', 'a', 'c'], 1),
        (['a', 'b', 'c', 'a'], None),
        (['c', 'c', 'c'], None),
    ],
)
def test_find_disorder(names, place):
    assert find_disorder(names, ['a', 'b', 'c']) == place


@pytest.mark.parametrize(
    ('name', 'half'),
    [('L_Eye', 'upper'), ('toes_l', 'lower'), ('rodilla_izq', 'lower'), ('tail', '-'),
     ('shoulder_hip', '-'), ('RThigh', 'lower')],
)  # fmt: skip
def test_halves_of_the_body(name, half):
    assert body_half(parse_name(name)) == half


@pytest.mark.parametrize(
    ('name', 'same'),
    [('root', 'pelvis'), ('top_head', 'head_top'), ('RFoot', 'right_ankle'), ('L_Hip', 'left_hip'),
     ('tailbase', 'Root of tail'), ('neck_base', 'Neck')],
)  # fmt: skip
def test_names_of_one_point(name, same):
    assert point_key(parse_name(name)) == point_key(parse_name(same))


# source, target, keypoints of the target that start from the source
SHARED = [
    ('coco', 'coco', set(COCO)),
    ('coco', 'aic', LIMBS),
    ('coco', 'mpii', LIMBS),
    ('coco', 'coco_wholebody', set(COCO)),
    ('mpii', 'aic', LIMBS | {'head_top', 'neck'}),
    ('aic', 'mpii', LIMBS | {'head_top', 'upper_neck'}),
    ('crowdpose', 'aic', LIMBS | {'head_top', 'neck'}),
    ('mpii', 'posetrack18', LIMBS | {'head_top', 'head_bottom'}),
    ('ap10k', 'animalpose', {'L_Eye', 'R_Eye', 'Nose', 'TailBase'}
     | {f'{x}_Paw' for x in ('L_F', 'R_F', 'L_B', 'R_B')}),
    ('atrw', 'ap10k', {'Nose', 'L_F_Paw', 'R_F_Paw', 'L_B_Paw', 'R_B_Paw', 'R_Shoulder',
                       'L_Shoulder', 'L_Hip', 'R_Hip', 'L_Knee', 'R_Knee'}),
    ('freihand', 'interhand2d', set(load_metainfo('interhand2d').keypoint_names)),
    ('300w', 'wflw', set()),  # numbered points: 0 of one is not 0 of the other
    ('300w', '300w', set(load_metainfo('300w').keypoint_names)),
    ('coco', 'freihand', set()),
    ('coco', 'h36m', LIMBS - {'left_ankle', 'right_ankle'} | {'left_foot', 'right_foot'}),
]  # fmt: skip


@pytest.mark.parametrize(('source', 'target', 'expected'), SHARED)
def test_shared_keypoints(source, target, expected):
    source_names, target_names = (load_metainfo(x).keypoint_names for x in (source, target))
    pairs = match_keypoints(source_names, target_names)

    assert {target_names[j] for _, j in pairs} == expected
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert [j for _, j in pairs] == sorted(j for _, j in pairs)


def test_matches_keep_the_side(spelling):
    assert match_keypoints(COCO, spell(spelling))[:1] == [(0, 0)]
    assert all(COCO[i] == COCO[j] for i, j in match_keypoints(COCO, spell(spelling)))


def test_equal_names_come_before_synonyms_and_none_is_used_twice():
    assert match_keypoints(['upper_neck', 'neck'], ['head_bottom', 'neck']) == [(0, 0), (1, 1)]
    assert match_keypoints(['neck'], ['upper_neck', 'neck']) == [(0, 1)]
    assert match_keypoints(['kpt-0', 'nose'], ['nose', 'kpt-0']) == [(1, 0)]
