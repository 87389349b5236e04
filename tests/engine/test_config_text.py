"""The text of a config is formatted once and stays the one that mmengine makes."""

import pytest
from mmengine.config import Config
from mmengine.config import config as mmengine_config

from mmpose.engine.config_text import format_configs_once


@pytest.fixture
def formatted(monkeypatch):
    """Texts that were really formatted."""
    texts = []
    original = getattr(mmengine_config.FormatCode, '__wrapped__', mmengine_config.FormatCode)

    def counting(code, style_config=None, **options):
        texts.append(code)
        return original(code, style_config=style_config, **options)

    monkeypatch.setattr(mmengine_config, 'FormatCode', counting)
    format_configs_once()
    return texts


def test_a_text_is_formatted_once(formatted):
    cfg = Config(dict(model=dict(type='A', widths=[1, 2]), name='x'))
    text = cfg.pretty_text
    assert [cfg.pretty_text, Config(cfg.to_dict()).pretty_text] == [text, text]
    assert len(formatted) == 1
    assert 'widths=[' in text


def test_a_change_is_seen(formatted):
    cfg = Config(dict(name='x'))
    before = cfg.pretty_text
    cfg.name = 'y'
    assert before == "name = 'x'\n"
    assert cfg.pretty_text == "name = 'y'\n"
    format_configs_once()
    assert cfg.pretty_text == "name = 'y'\n"
    assert len(formatted) == 2
