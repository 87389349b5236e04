"""Every shipped skeleton is sound, and a broken table is refused in one sentence."""

import numpy as np
import pytest

from mmpose.metainfo import available_metainfo, load_metainfo

TABLE = """
[keypoints]
name, swap, part, weight, sigma, color
a_left, a_right, upper, 1, 0.05, #00ff00
a_right, a_left, upper, 1, 0.05, #ff8000
tail, -, -, 1, 0.1, #3399ff
[skeleton_links]
from, to, color
a_left, tail, #00ff00
"""


@pytest.mark.parametrize('name', available_metainfo())
def test_shipped_skeletons_load(name):
    meta = load_metainfo(name)
    assert meta.name == name
    assert (meta.sigmas is None) or (meta.sigmas > 0).all()


def test_coco_is_the_published_skeleton():
    meta = load_metainfo('coco')
    assert meta.num_keypoints == 17
    assert meta.flip_indices.tolist() == [0, *np.arange(1, 17).reshape(-1, 2)[:, ::-1].ravel()]
    assert (meta.upper_body_ids, meta.lower_body_ids) == (tuple(range(11)), tuple(range(11, 17)))
    assert len(meta.skeleton_links) == 19
    assert meta.skeleton_links[[0, -1]].tolist() == [[15, 13], [4, 6]]
    assert meta.sigmas.sum() == pytest.approx(1.138)
    assert meta.dataset_keypoint_weights.sum() == pytest.approx(19.8)


def test_own_table(tmp_path):
    path = tmp_path / 'mine.csv'
    path.write_text(TABLE)
    meta = load_metainfo(path)
    assert meta.flip_indices.tolist() == [1, 0, 2]
    assert meta.skeleton_link_colors.tolist() == [[0, 255, 0]]
    assert load_metainfo(meta) is meta


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('a_right, a_left', 'a_right, tail', 'flip partners must be mutual'),
        ('[skeleton_links]', 'tail, -, -, 1, 1, #000000\n[skeleton_links]', "unique.*'tail'"),
        ('a_left, tail, #', 'a_left, tial, #', "names 'tial', which is not a keypoint"),
        ('1, 0.1, #', '1, x, #', "sigma of 'tail' is 'x', expected a number"),
        ('#3399ff', '#3399', "colour '#3399'"),
        ('name, swap, part', 'name, part, swap', 'must start with the row name, swap'),
        ('tail, -, -, 1, 0.1', 'tail, -, -, 1', 'has 5 cells, expected 6'),
        ('[keypoints]', '', 'stands before any'),
        ('[skeleton_links]', '[limbs]', r'\[limbs\] is called \[skeleton_links\]'),
    ],
)
def test_broken_tables_are_refused(tmp_path, old, new, message):
    path = tmp_path / 'broken.csv'
    path.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_metainfo(path)


def test_unknown_name_offers_near_ones():
    with pytest.raises(FileNotFoundError, match=r"no skeleton 'coko'.*'coco'"):
        load_metainfo('coko')
