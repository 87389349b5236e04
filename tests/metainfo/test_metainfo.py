"""Every shipped skeleton is sound, and a broken table is refused in one sentence."""

import numpy as np
import pytest

from mmpose.dataset_tools.new_skeleton import migrate_skeleton
from mmpose.metainfo import available_metainfo, load_metainfo
from mmpose.metainfo.info_dict import meta_table, read_info

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
        ('1, 0.1, #', '1, x, #', r"line 6: sigma of 'tail' is 'x', expected a number"),
        ('1, 0.1, #', '1, 0, #', r"csv, line 6: sigma of 'tail' is '0', expected a number above 0"),
        ('1, 0.1, #', '1, -0.1, #', r"line 6: sigma of 'tail' is '-0.1'"),
        ('1, 0.1, #', '1, nan, #', r"line 6: sigma of 'tail' is 'nan'"),
        ('1, 0.1, #', '1, inf, #', r"line 6: sigma of 'tail' is 'inf'"),
        ('1, 0.1, #', '1, -, #', r"line 6: sigma of 'tail' is '-'"),
        ('1, 0.1, #', 'inf, 0.1, #', r"line 6: weight of 'tail' is 'inf', .* from 0 on"),
        ('1, 0.1, #', '-1, 0.1, #', r"line 6: weight of 'tail' is '-1'"),
        ('#3399ff', '#3399', "colour '#3399'"),
        ('name, swap, part', 'name, part, swap', 'must start with the row name, swap'),
        ('tail, -, -, 1, 0.1', 'tail, -, -, 1', 'has 5 cells, expected 6'),
        ('[keypoints]', '', 'stands before any'),
    ],
)
def test_broken_tables_are_refused(tmp_path, old, new, message):
    path = tmp_path / 'broken.csv'
    path.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_metainfo(path)


def test_links_may_be_called_limbs(tmp_path):
    (tmp_path / 'old.csv').write_text(TABLE.replace('[skeleton_links]', '[limbs]'))
    (tmp_path / 'new.csv').write_text(TABLE)
    old, new = (load_metainfo(tmp_path / name) for name in ('old.csv', 'new.csv'))
    assert old.skeleton_links.tolist() == new.skeleton_links.tolist() == [[0, 2]]


def test_unknown_name_offers_near_ones():
    with pytest.raises(FileNotFoundError, match=r"no skeleton 'coko'.*'coco'"):
        load_metainfo('coko')


def quoted(text):
    return '\n'.join(
        ','.join(f'"{cell.strip()}"' for cell in line.split(',')) for line in text.splitlines()
    )


def filled(text):
    return '\r\n'.join(line + ',' * (5 - line.count(',')) for line in text.splitlines())


def continental(text):
    return filled(text).replace(',', ';').replace('0.', '0,')


@pytest.mark.parametrize('change', [str, quoted, filled, continental])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-be', 'utf-16-le'])
def test_a_table_that_a_spreadsheet_saved(tmp_path, change, encoding):
    text = '# Proposed from a.json, b.json; and, so; on.\n' + TABLE.replace('tail', 'Schwänzchen')
    expected = tmp_path / 'mine.csv'
    expected.write_text(text, encoding='utf-8')
    path = tmp_path / 'saved' / 'mine.csv'
    path.parent.mkdir()
    mark = b'\xfe\xff' if encoding == 'utf-16-be' else b''
    path.write_bytes(mark + change(text).encode(encoding))
    assert load_metainfo(path) == load_metainfo(expected)


def test_tabs(tmp_path):
    path = tmp_path / 'mine.CSV'
    path.write_text(TABLE.replace(', ', '\t'), encoding='utf-16')
    assert load_metainfo(path).keypoint_names == ('a_left', 'a_right', 'tail')


def test_another_encoding_is_refused(tmp_path):
    path = tmp_path / 'mine.csv'
    path.write_bytes(TABLE.replace('tail', 'Schwänzchen').encode('cp1252'))
    with pytest.raises(ValueError, match=r'mine\.csv is no text in utf-8 .*CSV UTF-8'):
        load_metainfo(path)


def test_a_table_that_changed_is_read_again(tmp_path):
    path = tmp_path / 'mine.csv'
    path.write_text(TABLE)
    first = load_metainfo(path)
    assert load_metainfo(path) is first
    path.write_text(TABLE.replace('0.1', '0.2'))
    assert load_metainfo(path).sigmas.tolist() == pytest.approx([0.05, 0.05, 0.2])


INFO = """
class Lamps:
    METAINFO: dict = {}
colors = dict(arm=[0, 255, 0])
dataset_info = dict(
    dataset_name='lamp', paper_info=dict(author='A. Lamp', year=2022),
    keypoint_info={
        1: dict(name='left, arm', id=1, color=colors['arm'], type='upper', swap='right, arm'),
        0: dict(name='top', id=0, type='', swap=''),
        2: dict(name='right, arm', id=2, color=[0, 0, 255], type='upper', swap='left, arm'),
    },
    skeleton_info={0: dict(link=('top', 'left, arm'), id=0, color=[1, 2, 3])},
    joint_weights=[1.] * 2 + [1.5], sigmas=[0.026, 0.1 / 3, 0.079])
"""


def test_skeleton_of_mmpose_by_file_by_dict_and_as_table(tmp_path):
    path, table = tmp_path / 'lamp.py', tmp_path / 'lamp.csv'
    path.write_text(INFO)
    meta = load_metainfo(path)
    assert meta.keypoint_names == ('top', 'left, arm', 'right, arm')
    assert meta.flip_indices.tolist() == [0, 2, 1]
    assert meta.upper_body_ids == (1, 2)
    assert meta.keypoint_colors.tolist() == [[255, 128, 0], [0, 255, 0], [0, 0, 255]]
    assert meta.sigmas == pytest.approx([0.026, 0.1 / 3, 0.079])
    assert load_metainfo(dict(from_file=str(path))) == meta
    of_class = tmp_path / 'dataset.py'
    text = INFO.replace('METAINFO: dict = {}', 'x = 1')
    of_class.write_text(text.replace('dataset_info =', 'class Mine:\n    METAINFO: dict ='))
    assert load_metainfo(of_class) == meta
    assert load_metainfo(read_info(path)) == meta
    assert migrate_skeleton(str(path), str(table)) == (
        f'{table}: 3 keypoints, 1 pairs of left and right, 1 links, sigmas'
    )
    assert load_metainfo(table) == meta
    with pytest.raises(FileExistsError, match='--overwrite replaces it'):
        migrate_skeleton(str(path), str(table))
    assert load_metainfo('configs/_base_/datasets/freihand2d.py') == load_metainfo('freihand')


@pytest.mark.parametrize('name', available_metainfo())
def test_shipped_skeletons_survive_a_table(tmp_path, name):
    meta = load_metainfo(name)
    path = tmp_path / f'{name}.csv'
    path.write_text(meta_table(meta, '# A skeleton.'))
    assert load_metainfo(path) == meta


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('keypoint_info={', 'points={', 'has 0 skeletons'),
        ("link=('top', 'left, arm')", "link=('top', 'foot')", "a link names 'foot'"),
        ('1: dict(', '1: copy(', 'more than values'),
        ("swap='left, arm'", "swap='arm'", "the swap of 'right, arm' names 'arm'"),
        ("dataset_name='lamp', ", '', 'but no dataset_name'),
    ],
)
def test_skeletons_of_mmpose_that_cannot_be_read(tmp_path, old, new, message):
    path = tmp_path / 'lamp.py'
    path.write_text(INFO.replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_metainfo(path)
