"""Files of numbers are read at once, and every other one as the reader of any file reads it."""

import json
import warnings

import numpy as np
import pytest

from benchmarks.synthetic_coco import make_synthetic_coco, write_synthetic_coco
from mmpose.coco import files, json_file, number_table, reader
from mmpose.coco.files import load_detections, load_ground_truth

pytest.importorskip('simdjson', reason='pysimdjson is not installed')
LOADERS = [load_ground_truth, load_detections]
EXTRA = {'id': 7, 'track': 1.5, 'center': [1, 2]}


@pytest.fixture(scope='module')
def texts(tmp_path_factory):
    """Texts of a small annotation file and of its results."""
    gt, dt = make_synthetic_coco(4, 6, 9, seed=3)
    paths = write_synthetic_coco(gt, dt, tmp_path_factory.mktemp('made'))
    return [path.read_text(encoding='utf-8') for path in paths]


def outcome(path, text, load, monkeypatch, min_bytes):
    """Returns the columns of a file, with their types, or the sentence of a refusal."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setattr(number_table, 'MIN_BYTES', min_bytes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            found = load(path, 17)
        except (ValueError, TypeError) as error:
            return str(error)
    columns = {key: x for key, x in vars(found).items() if isinstance(x, np.ndarray)}
    listed = {key: (x.dtype, x.shape, x.tolist()) for key, x in columns.items()}
    return listed, {str(warning.message) for warning in caught}


def assert_the_same(path, text, load, monkeypatch):
    slow, fast = (outcome(path, text, load, monkeypatch, size) for size in (1 << 60, 0))
    assert fast == slow, text


@pytest.mark.parametrize('which', [0, 1])
def test_spoiled_texts_are_read_or_refused_as_by_the_other_reader(
    texts, tmp_path, monkeypatch, which
):
    rng = np.random.default_rng(which)
    monkeypatch.setattr(json_file, 'PIECE', 900)
    text, path = texts[which].encode(), tmp_path / 'spoiled.json'
    spaced = json.dumps(json.loads(text), indent=1).encode()
    pieces = [
        b'', *(bytes([x]) for x in b'[]{}",:.-+eE019 \n\f\\x'), b'[1]', b'null', b'true', b'-0',
        b'1e2', b'1.0', b'[]', b'"id":', b',"id":1', b'"score":1,', b'4e18', b'NaN', b'1,2',
        b'9007199254740993', b'99999999999999999999', b'1e999', b'},{', b'],[',
    ]  # fmt: skip
    for base in [text] * 600 + [spaced] * 200:
        ends = (0, 1, len(base) - 1, len(base))
        start = int(rng.choice([*ends, *rng.integers(0, len(base), 16)]))
        end = start + int(rng.choice([0, 0, 1, 1, 2, 5, 20]))
        new = base[:start] + pieces[rng.integers(len(pieces))] + base[end:]
        assert_the_same(path, new, LOADERS[which], monkeypatch)


@pytest.mark.parametrize('which', [0, 1])
@pytest.mark.parametrize('value', [
    None, True, 1, 0, 2, 1.0, 0.5, -1, 'x', '1', [], [1], [[1]], [1.0] * 51, [[1.0, 2.0, 2.0]] * 17,
    [[0.0], *[1.0] * 50], {}, {'a': 1}, 1 << 53, 1 << 62, 1 << 64, [1.0] * 4, [1.0] * 5,
])  # fmt: skip
def test_other_values_are_read_or_refused_as_by_the_other_reader(
    texts, tmp_path, monkeypatch, which, value
):
    content = json.loads(texts[which])
    for key in (content if which else content['annotations'])[0]:
        for rows in (slice(None), slice(1), slice(-1, None)):
            changed = json.loads(texts[which])
            for item in (changed if which else changed['annotations'])[rows]:
                item[key] = value
            text = json.dumps(changed)
            assert_the_same(tmp_path / 'changed.json', text, LOADERS[which], monkeypatch)


@pytest.mark.parametrize(
    'dump', [{}, {'indent': 1}, {'separators': (',', ':')}, {'separators': (' , ', ' : ')}]
)
def test_files_of_numbers_are_read_by_simdjson_alone(texts, tmp_path, monkeypatch, dump):
    annotations, results = map(json.loads, texts)
    annotations['annotations'] = [{**item, 'track': 1.5} for item in annotations['annotations']]
    results = [{**item, **EXTRA} for item in results]
    texts = [json.dumps(content, **dump) for content in (annotations, results)]
    slow = [outcome(tmp_path / 'x.json', text, load, monkeypatch, 1 << 60)
            for text, load in zip(texts, LOADERS, strict=True)]  # fmt: skip
    monkeypatch.setattr(json_file, 'PIECE', 2000)
    monkeypatch.setattr(files, 'load_elements', None)
    monkeypatch.setattr(reader, 'load_sections', None)
    for text, load, expected in zip(texts, LOADERS, slow, strict=True):
        assert outcome(tmp_path / 'x.json', text, load, monkeypatch, 0) == expected


def test_columns_of_parts_are_joined_whatever_comes():
    parts = [{'a': np.arange(n), 'b': np.full((n, 2), n / 2)} for n in (2, 1, 30, 4)]
    joined = number_table.join_columns(iter(parts), 0.5)
    for key in 'ab':
        np.testing.assert_array_equal(joined[key], np.concatenate([x[key] for x in parts]))
