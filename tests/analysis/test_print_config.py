"""The flat form of a config is a config."""

import runpy
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'


def call(monkeypatch, capsys, *words):
    tool = str(ROOT / 'tools/analysis/print_config.py')
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, words)])
    runpy.run_path(tool, run_name='__main__')
    return capsys.readouterr().out


@pytest.mark.parametrize('flag', ['--cfg-options', '--options'])
def test_what_is_printed_is_the_config(tmp_path, monkeypatch, capsys, flag):
    text = call(monkeypatch, capsys, CONFIG, flag, 'train_dataloader.batch_size=3')
    (tmp_path / 'flat.py').write_text(text)
    flat, composed = Config.fromfile(tmp_path / 'flat.py'), Config.fromfile(CONFIG)
    assert flat.train_dataloader.batch_size == 3
    assert flat.model == composed.model


def test_a_missing_config_is_named(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, capsys, 'nowhere.py')
    assert 'config file nowhere.py does not exist' in capsys.readouterr().err
