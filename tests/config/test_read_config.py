"""Configs as editors save them."""

import codecs

import pytest
from mmengine.config import Config

from mmpose.config import load_config, read_config
from mmpose.config.load import read_recorded_config


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


FILES = {
    'no base': ("_base_ = ['nothing.py']\n", r'top\.py: its _base_ .*nothing\.py: No such file'),
    'base no path': ('_base_ = 3\n', r'top\.py: TypeError'),
    'base without a name': ("_base_ = ['base.py']\na = {{_base_.b}}\n", r"top\.py: KeyError: 'b'"),
    'base no Python': (
        "_base_ = ['broken.py']\n",
        r'top\.py, or a base of it, line 2: .* never closed',
    ),
    'base of itself': ("_base_ = ['top.py']\n", r'top\.py: RecursionError'),
    'error': ('a = 1\nb = a / 0\n', r'top\.py, line 2: ZeroDivisionError: division by zero'),
    'error in a base': ("_base_ = ['failing.py']\n", r'failing\.py, line 2: AttributeError'),
    'import': (
        "_base_ = ['base.py']\nimport nothing_there\n",
        r'top\.py, line 2: ModuleNotFoundError',
    ),
    'other file': ("open('nothing')\n", r'top\.py, line 1: FileNotFoundError'),
}


@pytest.mark.parametrize(('text', 'message'), FILES.values(), ids=FILES)
def test_what_does_not_run_is_said_with_its_place(tmp_path, text, message):
    (tmp_path / 'base.py').write_text('a = 1\n')
    (tmp_path / 'broken.py').write_text('a = 1\nb = (\n')
    (tmp_path / 'failing.py').write_text('data = dict()\na = data.train\n')
    (tmp_path / 'top.py').write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_config(tmp_path / 'top.py')


@pytest.mark.parametrize('text', ['[1]', '3', '{"model": [}'])
def test_json_that_is_no_config(tmp_path, text):
    (tmp_path / 'top.json').write_text(text)
    with pytest.raises(ValueError, match=r'top\.json: '):
        read_config(tmp_path / 'top.json')


def test_the_config_of_a_run_is_read_without_running_it(tmp_path):
    path = tmp_path / 'config.py'
    values = dict(
        model=dict(img_size=(256, 192), lr=-1e-3, flip_test=True, head=None),
        train_pipeline=[dict(type='A', scale=[0.5, 1.5]), dict()],
        log_level='INFO',
    )
    Config(values).dump(path)
    cfg = read_recorded_config(path)
    assert cfg.to_dict() == read_config(path).to_dict() == values
    assert cfg.filename == str(path)


@pytest.mark.parametrize(
    'line',
    ['import os', 'a = open("x", "w")', 'a = [1].append(2)', 'print(1)', 'a = dict(b=exec("1"))'],
)
def test_a_program_is_no_config_of_a_run(tmp_path, line):
    path = tmp_path / 'config.py'
    path.write_text(f'log_level = "INFO"\n{line}\n')
    with pytest.raises(ValueError, match=r'config\.py, line 2: .*if you trust the file'):
        read_recorded_config(path)
