"""What a word after --cfg-options means."""

import argparse

import pytest

from mmpose.config.overrides import ConfigOptions, parse_value

VALUES = [
    ('1', 1),
    ('-2.5e-4', -2.5e-4),
    ('true', True),
    ('None', None),
    ('mae_pretrain_vit_base.pth', 'mae_pretrain_vit_base.pth'),
    ('/data/coco/train2017/', '/data/coco/train2017/'),
    ('https://x.org/a.pth?b=1', 'https://x.org/a.pth?b=1'),
    ('[170,200]', [170, 200]),
    ('(192,256)', (192, 256)),
    ('170,200', (170, 200)),
    ('a.jpg,b.jpg', ['a.jpg', 'b.jpg']),
    ("[dict(type='EMAHook',momentum=0.1)]", [{'type': 'EMAHook', 'momentum': 0.1}]),
    ("{'a': dict(b=(1, None))}", {'a': {'b': (1, None)}}),
    ("__import__('os').getcwd()", "__import__('os').getcwd()"),
    ('[open(1)]', ['open(1)']),
    ('[json]', ['json']),
    ('[a, b.pth]', ['a', 'b.pth']),
    ('[data/a.json,"b,c",[d,1,None],true,]', ['data/a.json', 'b,c', ['d', 1, None], True]),
    ('(a,b)', ('a', 'b')),
    ('[]', []),
    ('[[a,b],[c]]', [['a', 'b'], ['c']]),
    ('[dict(type=EMAHook,x=none)]', [{'type': 'EMAHook', 'x': None}]),
    ('dict(type=EMAHook)', {'type': 'EMAHook'}),
    ('[a],[b]', (['a'], ['b'])),
    ('[a', '[a'),
    ('(left) [right]', '(left) [right]'),
    ('((', '(('),
    ('', ''),
]


@pytest.mark.parametrize(('text', 'value'), VALUES)
def test_value(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def parser():
    result = argparse.ArgumentParser()
    result.add_argument('--cfg-options', nargs='+', action=ConfigOptions)
    return result


def test_flags_add_up():
    words = ['--cfg-options', 'a=1', 'b.c=x=y', '--cfg-options', 'a=2']
    args = parser().parse_args(words)
    assert args.cfg_options == {'a': 2, 'b.c': 'x=y'}


@pytest.mark.parametrize('word', ['novalue', '=3'])
def test_malformed_word_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(['--cfg-options', word])
    assert f"got '{word}', expected KEY=VALUE" in capsys.readouterr().err
