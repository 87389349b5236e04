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


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.py', 'x = [1]\ny = x[\n    3]\n', r'a\.py, line [23]: IndexError'),
        ('a.py', 'x = 1\ny = x + "1"\n', r'a\.py, line 2: TypeError'),
        ('a.py', '_base_ = ["base.py"]\n', r'base\.py, line 2: ZeroDivisionError'),
        ('a.py', '_base_ = ["base.py"', r'a\.py, or a base of it, line 1: .* read as Python'),
        ('a.py', '_base_ = 3', r'a\.py, or a base of it: TypeError'),
        ('a.py', '_base_ = ["good.py"]\ny = {{_base_.y}}', r'a\.py, or a base of it: KeyError'),
        ('a.py', '_base_ = ["good.py"]\ny = _base_.y', r'a\.py, line 2: AttributeError'),
        ('a.py', '_base_ = ["a.py"]', r'a\.py, or a base of it: RecursionError'),
        ('a.py', '_base_ = ["no.py"]', r'a\.py: its _base_ .*no\.py: No such file'),
        (
            'a.py',
            '_base_ = ["good.py"]\nimport nothing_there',
            r'a\.py, line 2: ModuleNotFoundError',
        ),
        ('a.py', "x = open('nothing')\n", r'a\.py, line 1: FileNotFoundError'),
        ('a.json', '{"model": [}', r'a\.json, or a base of it: JSONDecodeError'),
        ('a.json', '[1]', r'a\.json, or a base of it: AttributeError'),
        ('a.json', '{"_base_": 3}', r'a\.json, or a base of it: TypeError'),
        ('a.yaml', 'x: [\n', r'a\.yaml, or a base of it: ParserError'),
    ],
)
def test_what_does_not_compose_is_said_with_its_place(tmp_path, name, text, message):
    tmp_path.joinpath('good.py').write_text('x = 1\n')
    tmp_path.joinpath('base.py').write_text('x = 1\ny = x / 0\n')
    tmp_path.joinpath(name).write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_config(tmp_path / name)


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
