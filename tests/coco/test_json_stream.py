"""The streaming reader gives what json.load gives, whatever the size of its window."""

import json

import numpy as np
import pytest

from mmpose.coco import json_stream
from mmpose.coco.json_stream import stream_json

DOCUMENTS = [
    {},
    [],
    [1, -2.5, 1e-07, 123456789, 'a]b', None, True, [1, [2]], {'x': {}}],
    {'images': [], 'n': 1234567, 'annotations': [{'id': 1, 'k': [1.5, 2]}, {'id': 2}], 's': 'é"\\'},
    {'info': {'a': [1, 2]}, 'x': None, 'numbers': [1, 22, 333, 4444]},
]


def collect(path):
    """Puts the streamed parts together again, as far as they can be."""
    parts = list(stream_json(path))
    if parts and parts[0][0] == '':
        return [item for _, item in parts]
    arrays = {}
    for key, item in parts:
        arrays.setdefault(key, []).append(item)
    return arrays


@pytest.mark.parametrize('chunk', [1, 3, 16, 1 << 20])
@pytest.mark.parametrize('document', DOCUMENTS)
@pytest.mark.parametrize('indent', [None, 2])
def test_equals_json_load(tmp_path, monkeypatch, chunk, document, indent):
    monkeypatch.setattr(json_stream, 'CHUNK_CHARS', chunk)
    path = tmp_path / 'x.json'
    path.write_text(json.dumps(document, indent=indent), encoding='utf-8')
    if isinstance(document, list):
        assert list(stream_json(path)) == [('', item) for item in document]
        return
    expected = []
    for key, value in document.items():
        expected += [(key, item) for item in value] if isinstance(value, list) else [(key, value)]
    assert list(stream_json(path)) == expected


@pytest.mark.parametrize('chunk', [2, 1 << 20])
def test_every_truncation_is_noticed(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(json_stream, 'CHUNK_CHARS', chunk)
    text = json.dumps({'images': [{'id': 12, 'name': 'x.jpg'}], 'n': 17, 'annotations': [1, 2.5]})
    path = tmp_path / 'cut.json'
    for length in range(len(text)):
        path.write_text(text[:length])
        with pytest.raises(ValueError, match=r'cut\.json is not valid JSON.*truncated'):
            list(stream_json(path))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"images": [{"id": 1} {"id": 2}]}', r"found '{' where , or ] was expected"),
        ('{"images": [{"id" 1}]}', "Expecting ':' delimiter"),
        ('{"images" [1]}', r'where : was expected'),
        ('{3: [1], "a": 2}', 'a key is 3'),
        ('person', "found 'p' where { or"),
    ],
)
def test_broken_json(tmp_path, text, message):
    path = tmp_path / 'bad.json'
    path.write_text(text + ' ' * 20)
    with pytest.raises(ValueError, match=f'bad.json is not valid JSON: .*{message}'):
        list(stream_json(path))


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'annotation file .*none\.json does not exist'):
        list(stream_json(tmp_path / 'none.json'))
    (tmp_path / 'x.npy').write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(ValueError, match=r'x\.npy is not a UTF-8 text file'):
        list(stream_json(tmp_path / 'x.npy'))


def test_nan_passes_for_the_reader_to_judge(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text('[NaN, Infinity]')
    values = np.array([value for _, value in stream_json(path)])
    np.testing.assert_array_equal(values, [np.nan, np.inf])
