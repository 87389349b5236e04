"""The flat form of a config is a config, from the new place of the command and from the old."""

import runpy
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'


def call(monkeypatch, capsys, tool, *words):
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, words)])
    runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
    return capsys.readouterr().out


@pytest.mark.parametrize('tool', ['analysis/print_config.py', 'print_config.py'])
@pytest.mark.parametrize('flag', ['--cfg-options', '--options'])
def test_what_is_printed_is_the_config(tmp_path, monkeypatch, capsys, tool, flag):
    text = call(monkeypatch, capsys, tool, CONFIG, flag, 'train_dataloader.batch_size=3')
    (tmp_path / 'flat.py').write_text(text)
    flat, composed = Config.fromfile(tmp_path / 'flat.py'), Config.fromfile(CONFIG)
    assert flat.train_dataloader.batch_size == 3
    assert flat.model == composed.model


def test_a_missing_config_is_named(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, capsys, 'analysis/print_config.py', 'nowhere.py')
    assert 'config file nowhere.py does not exist' in capsys.readouterr().err
