"""Runner: default loops and hook names, and the text of a config that is formatted once."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import DefaultScope
from mmengine.runner import EpochBasedTrainLoop, Runner
from yapf.yapflib import yapf_api

from mmpose.engine import CheckpointHook, PoseRunner
from mmpose.engine.runner import format_configs_once
from mmpose.engine.train_loop import PoseTrainLoop
from mmpose.registry import HOOKS


@pytest.fixture
def formatted(monkeypatch):
    """Texts that were really formatted."""
    texts = []
    owner = mmengine_config if hasattr(mmengine_config, 'FormatCode') else yapf_api
    original = getattr(owner.FormatCode, '__wrapped__', owner.FormatCode)

    def counting(code, style_config=None, **options):
        texts.append(code)
        return original(code, style_config=style_config, **options)

    monkeypatch.setattr(owner, 'FormatCode', counting)
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


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'by_epoch': True},
        {'type': 'PoseTrainLoop'},
        {'type': 'EpochBasedTrainLoop'},
        {'type': EpochBasedTrainLoop},
    ],
)
def test_trainings_run_our_loop(options, monkeypatch):
    given = {}
    monkeypatch.setattr(Runner, 'build_train_loop', lambda self, loop: given.update(loop))
    runner = PoseRunner.__new__(PoseRunner)
    runner.build_train_loop({'max_epochs': 2, 'val_interval': 1, **options})
    assert given == {'type': PoseTrainLoop, 'max_epochs': 2, 'val_interval': 1}


@pytest.mark.parametrize(
    ('loop', 'message'),
    [
        ({'by_epoch': False, 'max_iters': 5}, r'counts iterations.*max_epochs=..., val_int'),
        ({'type': 'IterBasedTrainLoop', 'max_iters': 5}, 'counts iterations'),
        ({'type': 'TestLoop', 'max_epochs': 5}, 'train_cfg.type is TestLoop, but only PoseTrainLo'),
    ],
)
def test_other_loops_are_refused(loop, message):
    with pytest.raises(ValueError, match=message):
        PoseRunner.__new__(PoseRunner).build_train_loop(loop)


def test_runs_of_one_process_have_a_visualizer_each(tmp_path):
    for folder in ('first', 'second'):
        config = {'type': 'PoseLocalVisualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]}
        runner = PoseRunner.__new__(PoseRunner)
        runner._experiment_name, runner._log_dir = 'run', str(tmp_path / folder)
        with DefaultScope.overwrite_default_scope('mmpose'):
            visualizer = runner.build_visualizer({**config, 'name': 'visualizer'})
        visualizer.add_scalars({'loss': 1.0})
    files = sorted(path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob('scalars.json'))
    assert files == ['first', 'second']


def test_loops_of_the_evaluation_may_be_absent(monkeypatch):
    given = {}

    def build(cls, cfg):
        given.update(cfg)
        return SimpleNamespace(bare_model=SimpleNamespace(), cfg=cfg)

    monkeypatch.setattr(Runner, 'from_cfg', classmethod(build))
    cfg = Config({'val_dataloader': {}, 'test_dataloader': None, 'work_dir': 'w'})
    runner = PoseRunner.from_cfg(cfg)
    assert runner.bare_model.cfg is runner.cfg
    assert given['val_cfg'] == {}
    assert 'test_cfg' not in given
    assert 'val_cfg' not in cfg


def test_the_checkpoint_hook_of_a_config_is_ours():
    assert HOOKS.get('CheckpointHook') is CheckpointHook
    with DefaultScope.overwrite_default_scope('mmpose'):
        hook = ROOT_HOOKS.build({'type': 'CheckpointHook', 'rule': 'less', 'max_keep_ckpts': 1})
    assert isinstance(hook, CheckpointHook)
    with pytest.raises(ValueError, match="rule of CheckpointHook is 'more'"):
        CheckpointHook(rule='more')


@pytest.mark.parametrize(('platform', 'method'), [('linux', 'fork'), ('darwin', 'spawn')])
def test_workers_are_spawned_on_macos(platform, method, monkeypatch):
    monkeypatch.setattr('mmpose.engine.runner.sys.platform', platform)
    given = []
    monkeypatch.setattr(Runner, 'setup_env', lambda self, env_cfg: given.append(env_cfg))
    env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
    PoseRunner.setup_env(object.__new__(PoseRunner), env_cfg)
    assert given == [dict(mp_cfg=dict(mp_start_method=method, opencv_num_threads=0))]


@pytest.fixture
def tf32_flags():
    flags = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [flag.allow_tf32 for flag in flags]
    yield flags
    for flag, value in zip(flags, before, strict=True):
        flag.allow_tf32 = value


@pytest.mark.parametrize('tf32', [True, False, None])
def test_tf32_is_what_the_config_says(tf32, tf32_flags, monkeypatch):
    monkeypatch.setattr(Runner, 'setup_env', lambda self, env_cfg: None)
    for flag in tf32_flags:
        flag.allow_tf32 = not tf32
    PoseRunner.setup_env(object.__new__(PoseRunner), {} if tf32 is None else {'tf32': tf32})
    assert [flag.allow_tf32 for flag in tf32_flags] == [tf32 is None or tf32] * 2
