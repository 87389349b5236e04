"""Flags of MMPose's tools: they keep their meaning, or are refused with the flag to use."""

import argparse
import os

import pytest

from mmpose.apis.cli import add_common_arguments


def parse(*words):
    parser = argparse.ArgumentParser(prog='train.py')
    add_common_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--show'], '--show opens no windows; --show-dir FOLDER writes'),
        (['--show', '--wait-time', '2'], '--show opens no windows'),
        (['--interval', '5'], '--interval does not thin out'),
        (['--gpu_collect'], '--gpu_collect is not needed'),
        (['--gpu-collect'], '--gpu-collect is not needed'),
        (['--tmpdir', 'x'], '--tmpdir is not needed'),
        (['--gpus', '4'], 'start bash tools/dist_train.sh CONFIG 4 "0,1,2,3"'),
        (['--gpu-ids', '2', '5'], 'start bash tools/dist_train.sh CONFIG 2 "2,5"'),
    ],
)
def test_refused_with_what_to_do(words, message, capsys):
    with pytest.raises(SystemExit):
        parse(*words)
    assert message in ' '.join(capsys.readouterr().err.split())


def test_one_gpu(monkeypatch, capsys):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    parse('--gpus', '1')
    assert 'CUDA_VISIBLE_DEVICES' not in os.environ
    parse('--gpu-id', '3')
    assert os.environ['CUDA_VISIBLE_DEVICES'] == '3'
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,6')
    parse('--gpu-ids', '1')
    assert os.environ['CUDA_VISIBLE_DEVICES'] == '6'
    with pytest.raises(SystemExit):
        parse('--gpu-id', '1')
    assert 'shows 6 only' in capsys.readouterr().err
