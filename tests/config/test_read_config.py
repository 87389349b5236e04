"""Configs as editors save them."""

import codecs

import pytest

from mmpose.config import load_config, read_config


@pytest.mark.parametrize('marked', ['base.py', 'top.py', 'both'])
def test_byte_order_marks_are_skipped(tmp_path, marked):
    files = {'base.py': 'names = ["ä"]\n', 'top.py': '_base_ = ["./base.py"]\nlog_level = "INFO"\n'}
    for name, text in files.items():
        mark = codecs.BOM_UTF8 if marked in (name, 'both') else b''
        (tmp_path / name).write_bytes(mark + text.encode())
    assert load_config(tmp_path / 'top.py').to_dict() == dict(names=['ä'], log_level='INFO')


def test_what_is_no_python_is_said_in_a_sentence(tmp_path):
    path = tmp_path / 'bad.py'
    path.write_text('a = 1\nb = (\n')
    with pytest.raises(ValueError, match=r'line 2.* was never closed.*read as Python'):
        read_config(path)
    path.write_bytes('a = "ä"\n'.encode('utf-16'))
    with pytest.raises(ValueError, match=r'bad\.py, or a base of it, is no UTF-8'):
        read_config(path)
