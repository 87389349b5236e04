"""What is drawn, where, how thick, in which colour, and that inputs stay as they are."""

import numpy as np
import pytest

from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseResult
from mmpose.visualization import draw_pose, draw_results, overlay_heatmaps, put_label

META = load_metainfo('coco')
# A standing person, 1 high, without limbs that cross or run over each other's middle.
STANDING = np.array(
    [
        [0.50, 0.10],
        *([0.53, 0.07], [0.47, 0.07], [0.57, 0.09], [0.43, 0.09]),
        *([0.65, 0.22], [0.35, 0.22], [0.75, 0.38], [0.25, 0.38], [0.80, 0.52], [0.20, 0.52]),
        *([0.60, 0.52], [0.40, 0.52], [0.60, 0.75], [0.40, 0.75], [0.60, 0.98], [0.40, 0.98]),
    ]
)
ONES = np.ones(17)
LEFT_ANKLE, LEFT_KNEE = 15, 13
GREEN_BGR, ORANGE_BGR, BLUE_BGR = (0, 255, 0), (0, 128, 255), (255, 153, 51)


def canvas(height, width, color=90):
    return np.full((height, width, 3), color, np.uint8)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def result(keypoints, scores=ONES, **fields):
    left_top, size = keypoints.min(axis=0), np.ptp(keypoints, axis=0)
    box = np.concatenate([left_top, size]).astype(np.float32)
    return PoseResult(0, 0, 1, keypoints.astype(np.float32), np.float32(scores), box, **fields)


def middle(keypoints, limb):
    x, y = np.round(keypoints[list(limb)].mean(axis=0)).astype(int)
    return y, x


@pytest.mark.parametrize('scores', [np.zeros(17), np.full(17, 0.3), np.full(17, np.nan)])
def test_nothing_is_drawn_up_to_the_threshold(scores):
    image = noise(200, 200)
    drawn = draw_pose(image, STANDING * 200, scores, META, score_threshold=0.3, label='x')
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


@pytest.mark.parametrize('background', [0, 255, 'noise'])
@pytest.mark.parametrize('height', [240, 640, 2160])
def test_limb_colors_at_their_middle(height, background):
    image = noise(height, height) if background == 'noise' else canvas(height, height, background)
    drawn = draw_pose(image, STANDING * height, ONES, META)
    for limb, color_rgb in zip(META.skeleton_links, META.skeleton_link_colors, strict=True):
        length = np.hypot(*np.diff(STANDING[limb] * height, axis=0)[0])
        if length < 30:  # the dots at both ends meet
            continue
        np.testing.assert_array_equal(drawn[middle(STANDING * height, limb)], color_rgb[::-1])


@pytest.mark.parametrize(
    ('limb', 'bgr'),
    [((15, 13), GREEN_BGR), ((16, 14), ORANGE_BGR), ((5, 6), BLUE_BGR)],
)
def test_colors_are_rgb_in_the_skeleton_and_bgr_in_the_image(limb, bgr):
    drawn = draw_pose(canvas(500, 500), STANDING * 500, ONES, META)
    assert tuple(drawn[middle(STANDING * 500, limb)]) == bgr


def test_limbs_stand_out_in_a_64_px_crop():
    drawn = draw_pose(canvas(64, 64, 128), STANDING * 64, ONES, META)
    blue, green, red = drawn[middle(STANDING * 64, (15, 13))].astype(int)
    assert green > 180
    assert max(blue, red) < 70


def green_width(drawn, keypoints):
    """Width of the left shin in px, counted as anti-aliased coverage along one row."""
    row, _ = middle(keypoints, (LEFT_ANKLE, LEFT_KNEE))
    left = round(keypoints[[11, 12], 0].mean())
    return (drawn[row, left:, 1].astype(float) - drawn[row, left:, 2]).sum() / 255


@pytest.mark.parametrize('height', [200, 1000])
@pytest.mark.parametrize('line_width', [1.5, 2.5, 4, 9])
def test_line_width_is_as_asked(height, line_width):
    points = STANDING * height
    drawn = draw_pose(canvas(height, height), points, ONES, META, line_width=line_width)
    # 0.5 px: cv2's anti-aliasing cannot draw a 1.5 px line without oversampling.
    assert green_width(drawn, points) == pytest.approx(line_width, abs=0.5)


@pytest.mark.parametrize('height', [200, 1000])
@pytest.mark.parametrize('x', [100, 100.3, 100.5])
def test_limbs_lie_where_the_keypoints_are(height, x):
    points, scores = STANDING * height, np.zeros(17)
    points[[LEFT_ANKLE, LEFT_KNEE]], scores[[LEFT_ANKLE, LEFT_KNEE]] = [[x, 20], [x, 180]], 1
    points[[16, 14]], scores[[16, 14]] = [[250, 0], [250, height]], 1  # sets the person's size
    row = draw_pose(canvas(height, 300, 0), points, scores, META, line_width=4)[100, :200, 1]
    # 0.15 px: cv2's anti-aliasing; half a pixel would be an error of convention.
    assert (row * np.arange(200)).sum() / row.sum() == pytest.approx(x, abs=0.15)


def test_line_width_follows_the_person_not_the_image():
    widths = [
        green_width(draw_pose(canvas(1700, 1700), STANDING * h, ONES, META), STANDING * h)
        for h in (400, 800, 1600)
    ]
    assert widths[1] / widths[0] == pytest.approx(2, abs=0.25)
    assert widths[2] / widths[1] == pytest.approx(2, abs=0.25)


def test_limbs_have_a_dark_rim_on_white():
    points = STANDING * 500
    drawn = draw_pose(canvas(500, 500, 255), points, ONES, META)
    row, column = middle(points, (LEFT_ANKLE, LEFT_KNEE))
    is_green = (drawn[row] == GREEN_BGR).all(axis=1)
    first, last = np.flatnonzero(is_green)[[0, -1]]
    assert first <= column <= last
    # Beside a limb without a rim, anti-aliasing leaves some channel at 255.
    assert drawn[row, first - 3 : first].max(axis=1).min() < 80
    assert drawn[row, last + 1 : last + 4].max(axis=1).min() < 80


@pytest.mark.parametrize('height', [150, 600])
def test_a_moved_person_looks_the_same(height):
    first = draw_pose(canvas(700, 700), STANDING * height + 20, ONES, META)
    second = draw_pose(canvas(700, 700), STANDING * height + [27, 23], ONES, META)
    np.testing.assert_array_equal(first[:-3, :-7], second[3:, 7:])
    assert (first != canvas(700, 700)).any()


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('axis', [0, 1])
def test_points_that_are_no_numbers_are_skipped(value, axis):
    broken, scores = STANDING * 300, ONES.copy()
    broken[7, axis], scores[7] = value, 0
    expected = draw_pose(canvas(300, 300), STANDING * 300, scores, META)
    np.testing.assert_array_equal(draw_pose(canvas(300, 300), broken, ONES, META), expected)


@pytest.mark.parametrize('far', [-40, 500, 1e5, 1e12])
def test_a_limb_that_leaves_the_image_is_cut(far):
    points, scores = STANDING * 300, np.zeros(17)
    points[7], points[9], scores[[7, 9]] = [150, 150], [far, 150], 1
    drawn = draw_pose(canvas(300, 300), points, scores, META, line_width=4)
    edge = 0 if far < 0 else 299
    assert tuple(drawn[150, edge]) == GREEN_BGR
    assert (drawn[150, 299 - edge] == 90).all()


def test_a_person_outside_the_image_leaves_it_unchanged():
    for offset in ([1000, 0], [-1000, -1000], [0, 1e7]):
        drawn = draw_pose(canvas(300, 300), STANDING * 300 + offset, ONES, META)
        np.testing.assert_array_equal(drawn, canvas(300, 300))


def test_crowded_dots_shrink():
    spread, scores = STANDING * 600, np.zeros(17)
    scores[[0, 1, 2]] = 1
    crowded = spread.copy()
    crowded[[0, 1, 2]] = [[300, 300], [303, 300], [300, 303]]
    changed = [
        (draw_pose(canvas(600, 600), p, scores, META, line_width=12) != 90).any(axis=2).sum()
        for p in (spread, crowded)
    ]
    assert changed[1] < changed[0] / 4


def test_box_and_label_are_drawn_where_asked():
    plain = draw_pose(canvas(400, 400), STANDING * 200 + 100, ONES, META)
    boxed = draw_pose(
        canvas(400, 400), STANDING * 200 + 100, ONES, META, bbox_xywh=[90, 90, 220, 250], label='A'
    )
    rows, columns = np.nonzero((plain != boxed).any(axis=2))
    assert (rows.max(), columns.max()) == pytest.approx((340, 310), abs=3)
    assert columns.min() == pytest.approx(90, abs=3)
    assert boxed[215, 90].min() > 200
    assert rows.min() < 85  # the label stands on the box


def test_inputs_stay_as_they_are():
    image, points, scores = noise(120, 100), STANDING * 100, np.linspace(0, 1, 17)
    copies = image.copy(), points.copy(), scores.copy()
    draw_pose(image, points, scores, META, bbox_xywh=[5, 5, 80, 80], label='x')
    draw_results(image, [result(points)], META, show_boxes=True, show_scores=True)
    overlay_heatmaps(image, np.ones((2, 8, 8)))
    put_label(image, 'x', [50, 50])
    for now, before in zip((image, points, scores), copies, strict=True):
        np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'keypoints': np.zeros((16, 2))}, r"\(16, 2\).*'coco' needs \(17, 2\)"),
        ({'keypoint_scores': np.ones((17, 1))}, r'keypoint_scores \(17, 1\)'),
        ({'image_bgr': np.zeros((9, 9), np.uint8)}, r'shape \(9, 9\).*expected \(H, W, 3\) uint8'),
        ({'image_bgr': np.zeros((9, 9, 3))}, 'type float64'),
        ({'bbox_xywh': [0, 0, np.nan, 4]}, 'expected 4 finite numbers'),
        ({'line_width': 0}, 'line_width is 0, expected a positive'),
    ],
)
def test_wrong_shapes_are_refused(change, message):
    good = {
        'image_bgr': canvas(9, 9),
        'keypoints': STANDING,
        'keypoint_scores': ONES,
        'dataset_meta': META,
    }
    with pytest.raises(ValueError, match=message):
        draw_pose(**{**good, **change})


def test_small_people_lie_on_top_in_any_order():
    large, small = result(STANDING * 600), result(STANDING * 200 + [280, 30])
    drawn = draw_results(canvas(620, 620), [large, small], META)
    np.testing.assert_array_equal(drawn, draw_results(canvas(620, 620), [small, large], META))
    alone = draw_results(canvas(620, 620), [small], META)
    skeleton_links = (alone[:, :, 1] == 255) & (alone[:, :, 0] == 0)
    assert skeleton_links.sum() > 50
    assert (drawn[skeleton_links] == alone[skeleton_links]).all()


def test_results_without_people_are_the_image():
    np.testing.assert_array_equal(draw_results(noise(20, 30), [], META), noise(20, 30))


def test_scores_are_written_only_where_keypoints_are_drawn():
    people = [result(STANDING * 300 + 50)]
    plain = draw_results(canvas(400, 400), people, META)
    assert (draw_results(canvas(400, 400), people, META, show_scores=True) != plain).any()
    nobody = [result(STANDING * 300 + 50, scores=np.zeros(17))]
    written = draw_results(canvas(400, 400), nobody, META, show_scores=True)
    np.testing.assert_array_equal(written, canvas(400, 400))


@pytest.mark.parametrize(('use_udp', 'expected'), [(True, (162.55, 202.38)), (False, (160, 200))])
def test_heat_lies_where_the_codec_puts_it(use_udp, expected):
    x, y = np.arange(48)[None], np.arange(64)[:, None]
    heatmaps = np.exp(-((x - 40) ** 2 + (y - 50) ** 2) / 8)[None]
    change = overlay_heatmaps(canvas(256, 192, 0), heatmaps, use_udp=use_udp).sum(axis=2)
    rows, columns = np.nonzero(change > 0.9 * change.max())
    # 0.3 px: the difference between the two conventions is 2.5 px here.
    assert (columns.mean(), rows.mean()) == pytest.approx(expected, abs=0.3)


def test_heat_of_zero_or_nan_leaves_the_image_unchanged():
    heatmaps = np.zeros((3, 16, 12), np.float32)
    heatmaps[1] = np.nan
    np.testing.assert_array_equal(overlay_heatmaps(noise(64, 48), heatmaps), noise(64, 48))


@pytest.mark.parametrize(('heat', 'peak'), [(0.1, 0.1), (5.0, 1.0)])
def test_peak_gets_the_last_color(heat, peak):
    hot = overlay_heatmaps(canvas(32, 32), np.full((1, 8, 8), heat), alpha=1, peak=peak)
    full = overlay_heatmaps(canvas(32, 32), np.ones((1, 8, 8)), alpha=1)
    np.testing.assert_array_equal(hot, full)
    assert (full.astype(int).sum(axis=2) > 450).all()  # the light end of the map


def test_heatmaps_without_keypoints_are_refused():
    with pytest.raises(ValueError, match=r'shape \(8, 8\), expected \(keypoints, H, W\)'):
        overlay_heatmaps(canvas(32, 32), np.ones((8, 8)))


@pytest.mark.parametrize('anchor', [[-99, -99], [50, 30], [99, 59], [1e4, 1e4], [-5, 1e4]])
def test_labels_stay_inside(anchor):
    drawn = put_label(canvas(60, 100), 'ok', anchor, cap_height=10)
    white = (drawn > 200).all(axis=2)
    inside = put_label(canvas(60, 100), 'ok', [40, 40], cap_height=10)
    assert white.sum() == (inside > 200).all(axis=2).sum() > 20


@pytest.mark.parametrize('width', [3, 12, 60])
def test_long_labels_shrink_to_the_image(width):
    drawn = put_label(canvas(40, width), 'a rather long label', [0, 30])
    assert drawn.shape == (40, width, 3)
    assert (drawn != 90).any()
