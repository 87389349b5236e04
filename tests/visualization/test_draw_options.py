"""What the options of draw_results change, and what they leave alone."""

from dataclasses import replace

import numpy as np
import pytest

from mmpose.metainfo import load_metainfo
from mmpose.structures import CropWindow, DatasetMeta, PoseResult
from mmpose.visualization import draw_results
from mmpose.visualization.styles import OPENPOSE_KEYPOINTS, instance_color, skeleton_style

META = load_metainfo('coco')
STANDING = np.array(
    [
        [0.50, 0.10],
        *([0.53, 0.07], [0.47, 0.07], [0.57, 0.09], [0.43, 0.09]),
        *([0.65, 0.22], [0.35, 0.22], [0.75, 0.38], [0.25, 0.38], [0.80, 0.52], [0.20, 0.52]),
        *([0.60, 0.52], [0.40, 0.52], [0.60, 0.75], [0.40, 0.75], [0.60, 0.98], [0.40, 0.98]),
    ]
)
SHIN = (13, 15)


def canvas(height=400, width=400, color=90):
    return np.full((height, width, 3), color, np.uint8)


def noise(height=400, width=400):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def person(left=0.0, size=400, scores=1.0, **fields):
    points = STANDING * size + [left, 0]
    box = [left, 0, size, size]
    values = np.broadcast_to(np.float32(scores), (17,)).copy()
    return PoseResult(0, 0, 1, points.astype(np.float32), values, np.float32(box), **fields)


def at(image, point):
    x, y = np.round(point).astype(int)
    return image[y, x]


def middle(result, limb=SHIN):
    return result.keypoints[list(limb)].mean(axis=0)


def changed(drawn, image):
    """Left, top, right, bottom of what differs."""
    rows, columns = np.nonzero((drawn != image).any(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


EVERYTHING = dict(
    show_boxes=True, show_scores=True, show_ids=True, keypoint_text='index', color_by='instance'
)


@pytest.mark.parametrize(
    'options',
    [{}, EVERYTHING, dict(style='openpose', alpha=0.5), dict(black_background=True)],
)
def test_in_place_is_the_same_without_a_copy(options):
    people = [person(track_id=3), person(left=200, size=150, track_id=4)]
    image, before = noise(), noise()
    drawn = draw_results(image, people, META, **options)
    np.testing.assert_array_equal(image, before)
    assert (drawn != image).any()
    assert draw_results(image, people, META, **options, in_place=True) is image
    np.testing.assert_array_equal(image, drawn)


def test_people_near_in_number_have_distant_colors():
    colors = np.array([instance_color(i) for i in range(60)]).astype(int)
    assert len({tuple(color) for color in colors.tolist()}) == 60
    neighbours = [np.abs(colors[i] - colors[i + k]).sum() for k in (1, 2, 3) for i in range(50)]
    assert min(neighbours) > 90


@pytest.mark.parametrize(
    ('track_ids', 'numbers'), [((7, 2), (7, 2)), ((None, None), (0, 1)), ((5, None), (5, 1))]
)
def test_each_person_has_the_color_of_the_id(track_ids, numbers):
    people = [person(0, 390, track_id=track_ids[0]), person(400, 390, track_id=track_ids[1])]
    drawn = draw_results(canvas(400, 800), people, META, color_by='instance')
    for result, number in zip(people, numbers, strict=True):
        for limb in (SHIN, (11, 12)):
            assert tuple(at(drawn, middle(result, limb))) == instance_color(number)


@pytest.mark.parametrize(
    ('joint', 'threshold', 'is_drawn'), [(15, 0.6, False), (15, 0.4, True), (9, 0.6, True)]
)
def test_a_threshold_for_each_joint(joint, threshold, is_drawn):
    thresholds = np.full(17, 0.4)
    thresholds[joint] = threshold
    result = person(scores=0.5)
    drawn = draw_results(canvas(), [result], META, score_threshold=thresholds)
    assert (at(drawn, middle(result)) != 90).any() == is_drawn
    assert (at(drawn, middle(result, (12, 14))) != 90).any()


OPENPOSE_HUES = [  # RGB of a keypoint and of the limb of the same number
    *([255, 0, 0], [255, 85, 0], [255, 170, 0], [255, 255, 0], [170, 255, 0], [85, 255, 0]),
    *([0, 255, 0], [0, 255, 85], [0, 255, 170], [0, 255, 255], [0, 170, 255], [0, 85, 255]),
    *([0, 0, 255], [85, 0, 255], [170, 0, 255], [255, 0, 255], [255, 0, 170], [255, 0, 85]),
]


def test_openpose_dots_have_the_published_colors_and_a_neck():
    result = person()
    drawn = draw_results(noise(), [result], META, style='openpose', black_background=True)
    neck = result.keypoints[[5, 6]].mean(axis=0)
    for name, color_rgb in zip(OPENPOSE_KEYPOINTS, OPENPOSE_HUES, strict=True):
        is_neck = name == 'neck'
        point = neck if is_neck else result.keypoints[META.keypoint_names.index(name)]
        np.testing.assert_array_equal(at(drawn, point), color_rgb[::-1], err_msg=name)


@pytest.mark.parametrize(('background', 'share'), [(0, 0.0), (200, 0.4)])
def test_openpose_sticks_let_the_image_through(background, share):
    result = person()
    drawn = draw_results(canvas(color=background), [result], META, style='openpose')
    # right shin: the limb from knee to ankle has number 8 of the hues
    expected = 0.6 * np.array(OPENPOSE_HUES[8][::-1]) + share * background
    np.testing.assert_allclose(at(drawn, middle(result, (14, 16))), expected, atol=1)


@pytest.mark.parametrize('missing', [5, 6])
def test_no_neck_without_both_shoulders(missing):
    scores = np.zeros(17)
    scores[[5, 6]] = 1
    scores[missing] = 0
    result = person(scores=scores)
    drawn = draw_results(canvas(), [result], META, style='openpose')
    assert (at(drawn, result.keypoints[[5, 6]].mean(axis=0)) == 90).all()


@pytest.mark.parametrize(
    ('name', 'num_dots', 'neck'),
    [('coco', 18, 17), ('crowdpose', 14, None), ('coco_wholebody', 134, 133), ('ap10k', 17, None)],
)
def test_openpose_of_other_skeletons(name, num_dots, neck):
    meta = load_metainfo(name)
    look = skeleton_style(meta, 'openpose')
    assert len(look.sources) == len(look.dot_colors) == num_dots
    assert look.skeleton_links.max() < num_dots
    assert len(look.skeleton_links) == len(look.skeleton_link_colors)
    assert (neck is None) or (look.skeleton_links == neck).any()
    if name == 'coco_wholebody':  # hands and feet keep their limbs
        own = [limb for limb in meta.skeleton_links.tolist() if min(limb) > 90]
        assert own
        assert all(limb in look.skeleton_links.tolist() for limb in own)


def test_alpha_mixes_with_the_image():
    opaque = draw_results(canvas(), [person()], META).astype(int)
    half = draw_results(canvas(), [person()], META, alpha=0.5).astype(int)
    np.testing.assert_allclose(half, (opaque + 90) / 2, atol=1)


@pytest.mark.parametrize('radius', [3, 9.5])
def test_dots_have_the_radius_that_was_asked_for(radius):
    scores = np.zeros(17)
    scores[15] = 1
    result = person(scores=scores, size=300)
    left, top, right, bottom = changed(
        draw_results(canvas(), [result], META, radius=radius), canvas()
    )
    rim = 2 * (radius + min(0.6, radius / 2))  # the thinnest outline is 0.6 px
    assert (right - left + 1, bottom - top + 1) == pytest.approx((rim, rim), abs=2)


@pytest.mark.parametrize('text', ['index', 'name', 'score'])
def test_keypoint_texts_stand_beside_the_keypoints(text):
    plain = draw_results(canvas(), [person()], META)
    written = draw_results(canvas(), [person()], META, keypoint_text=text)
    for joint in (9, 15, 16):
        x, y = np.round(person().keypoints[joint]).astype(int)
        place = np.s_[max(y - 12, 0) : y + 12, x + 5 : x + 40]
        assert (written[place] != plain[place]).any()
    nobody = draw_results(canvas(), [person(scores=0)], META, keypoint_text=text)
    np.testing.assert_array_equal(nobody, canvas())


def test_labels_of_people_at_one_place_do_not_cover_each_other():
    def plates(num):
        people = [person(left=100, size=150, track_id=i) for i in range(num)]
        options = dict(color_by='instance', show_ids=True, score_threshold=0.3)
        drawn = draw_results(canvas(color=0), people, META, **options)
        plain = draw_results(canvas(color=0), people, META, color_by='instance')
        return (drawn != plain).any(axis=2).sum()

    assert plates(3) > 2.5 * plates(1)


def heated(peaks, meta=META, use_udp=True, rotation=0.0, num_channels=1):
    """A person whose heatmap of each joint in ``peaks`` has its peak in a cell (x, y)."""
    window = CropWindow([200, 200], [150, 200], (48, 64), rotation, use_udp)
    maps = np.zeros((meta.num_keypoints * num_channels, 16, 12), np.float32)
    x, y = np.arange(12)[None], np.arange(16)[:, None]
    for joint, (peak_x, peak_y) in peaks.items():
        maps[joint * num_channels] = np.exp(-((x - peak_x) ** 2 + (y - peak_y) ** 2) / 2)
    return replace(person(scores=0), heatmaps=maps, window=window)


def hot_spot(image):
    heat = image.astype(float).sum(axis=2)
    rows, columns = np.nonzero(heat > 0.95 * heat.max())
    return columns.mean(), rows.mean()


@pytest.mark.parametrize('num_channels', [1, 3])
@pytest.mark.parametrize('rotation', [0, 30])
@pytest.mark.parametrize('use_udp', [True, False])
def test_heat_lies_in_the_image_where_the_joint_is(use_udp, rotation, num_channels):
    result = heated({3: (8, 5)}, use_udp=use_udp, rotation=rotation, num_channels=num_channels)
    step = np.array([47 / 11, 63 / 15]) if use_udp else np.array([4, 4])
    expected = result.window.to_image([[8, 5] * step])[0]
    drawn = draw_results(canvas(color=0), [result], META, heatmap='all')
    # 0.7 px: the centre of the brightest pixels of a peak 14 px wide
    assert hot_spot(drawn) == pytest.approx(expected, abs=0.7)


def test_heat_of_one_joint_only():
    result = heated({3: (8, 5), 4: (3, 12)})
    one = draw_results(canvas(color=0), [result], META, heatmap='right_ear')
    alone = draw_results(canvas(color=0), [heated({4: (3, 12)})], META, heatmap='all')
    np.testing.assert_array_equal(one, alone)
    assert one.any()


def test_windows_outside_the_image_paint_nothing():
    result = replace(heated({3: (8, 5)}), window=CropWindow([-900, 9], [150, 200], (48, 64)))
    drawn = draw_results(noise(), [result], META, heatmap='all')
    np.testing.assert_array_equal(drawn, noise())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(style='alphapose'), "style is 'alphapose', expected one of mmpose, openpose"),
        (dict(color_by='id'), "color_by is 'id', expected one of keypoint, instance"),
        (
            dict(keypoint_text='x'),
            "keypoint_text is 'x', expected None or one of index, name",
        ),
        (dict(alpha=0), 'alpha is 0, expected an opacity above 0'),
        (dict(radius=-1), 'radius is -1, expected a positive number'),
        (dict(score_threshold=[0.1, 0.2]), r'shape \(2,\), expected one number or \(17,\)'),
        (dict(heatmap='all'), 'has no heatmaps to draw'),
        (dict(heatmap='left_wing'), "heatmap is 'left_wing', expected 'all' or a keypoint"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw_results(canvas(), [person()], META, **options)


def test_a_skeleton_without_limbs_is_drawn_as_dots():
    meta = DatasetMeta(
        name='dots',
        keypoint_names=('a', 'b'),
        flip_indices=np.arange(2),
        upper_body_ids=(),
        lower_body_ids=(),
        skeleton_links=np.zeros((0, 2), np.int64),
        dataset_keypoint_weights=np.ones(2, np.float32),
        sigmas=None,
        keypoint_colors=np.full((2, 3), 255, np.uint8),
        skeleton_link_colors=np.zeros((0, 3), np.uint8),
    )
    points = np.array([[50, 50], [150, 150]], np.float32)
    result = PoseResult(0, 0, 1, points, np.ones(2, np.float32), np.float32([0, 0, 200, 200]))
    for style in ('mmpose', 'openpose'):
        drawn = draw_results(canvas(), [result], meta, style=style)
        assert (at(drawn, points[0]) == 255).all()
        assert (at(drawn, points.mean(axis=0)) == 90).all()


def test_hidden_keypoints_are_rings_and_those_outside_are_left_out():
    likely = np.eye(3, dtype=np.float32)  # visible, occluded, outside
    plain, ankle = person(), META.keypoint_names.index('left_ankle')
    drawn = {}
    for kind, row in enumerate(likely):
        visibility = np.tile(likely[0], (17, 1))
        visibility[ankle] = row
        drawn[kind] = draw_results(
            canvas(), [replace(plain, visibility=visibility)], META, radius=8
        )
    expected = draw_results(canvas(), [plain], META, radius=8)
    np.testing.assert_array_equal(drawn[0], expected)
    place = plain.keypoints[ankle]
    color = tuple(at(expected, place))
    assert tuple(at(drawn[1], place)) == (255, 255, 255)  # hollow, with a ring of its colour
    assert tuple(at(drawn[1], place + np.array([7, 0]))) == color
    assert tuple(at(drawn[2], place)) == (90, 90, 90)
