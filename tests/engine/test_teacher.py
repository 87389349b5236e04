"""Trainings with a teacher: resumed alike, averaged alike, and plain in what they leave."""

import numpy as np
import pytest
import torch
from training import EACH_ITERATION, SMALL, losses, records, train

from mmpose.apis.test import prepare_test, run_soup, run_test
from mmpose.backends import init_model
from mmpose.checkpoints.io import read_checkpoint
from mmpose.config.load import load_config, read_recorded_config

EMA = {'custom_hooks': [dict(type='EMAHook')]}


@pytest.fixture(scope='module')
def teacher(data_root, tmp_path_factory):
    """The work dir of a network of another width."""
    folder = tmp_path_factory.mktemp('teacher')
    wider = {'model.backbone.embed_dim': 96, 'model.head.in_channels': 96}
    train(data_root, folder, wider | EACH_ITERATION)
    return folder


def options(teacher, **more):
    return {'model.teacher': dict(config=str(teacher), token_weight=0.1, **more)}


def test_a_resumed_run_and_its_files(data_root, teacher, tmp_path):
    overrides = options(teacher) | EACH_ITERATION | EMA
    runner = train(data_root, tmp_path / 'whole', overrides)
    known = losses(tmp_path / 'whole')
    (first, *_) = (x for x in records(tmp_path / 'whole') if 'loss' in x)
    parts = first['loss_heatmap'] + first['loss_teacher'] + first['loss_token']
    np.testing.assert_allclose(first['loss'], parts, rtol=1e-4)

    checkpoint = tmp_path / 'whole' / 'iter_3.pth'
    train(data_root, tmp_path / 'resumed', overrides, resume=str(checkpoint))
    again = losses(tmp_path / 'resumed')
    assert again == {step: loss for step, loss in known.items() if step > 3}

    plain = train(data_root, tmp_path / 'plain', EACH_ITERATION | EMA)
    content = [read_checkpoint(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'plain')]
    for key in ('state_dict', 'ema_state_dict'):
        assert list(content[0][key]) == list(content[1][key])
    sizes = [len(one['optimizer']['state']) for one in content]
    assert sizes[0] == sizes[1]
    assert losses(tmp_path / 'plain') != known
    assert runner.bare_model.teacher is not None
    assert plain.bare_model.teacher is None


def test_the_recorded_config_tests_and_infers_without_the_teacher(data_root, teacher, tmp_path):
    train(data_root, tmp_path, options(teacher))
    config = tmp_path / 'config.py'
    text = config.read_text()
    config.write_text(text.replace(str(teacher), '/gone'))
    cfg = read_recorded_config(config)
    assert cfg.model.teacher.config == '/gone'
    model = init_model(cfg, str(tmp_path / 'epoch_2.pth'))
    assert model.teacher is None
    prepare_test(cfg, str(tmp_path / 'epoch_2.pth'), work_dir=str(tmp_path / 'test'))
    assert run_test(cfg)
    assert 'gone' not in (tmp_path / 'test/test_config.py').read_text()


def test_poses_of_a_file_teach_as_their_network_does_in_mean(data_root, teacher, tmp_path):
    cfg = load_config(teacher / 'config.py', {}, data_root)
    cfg.test_dataloader.dataset = cfg.train_dataloader.dataset | dict(
        test_mode=True, pipeline=cfg.val_pipeline
    )
    file = str(tmp_path / 'poses.npz')
    prepare_test(cfg, str(teacher / 'epoch_2.pth'), work_dir=str(tmp_path / 'test'), dump=file)
    run_test(cfg)
    overrides = {'model.teacher': dict(predictions=file, loss_weight=2.0)}
    runner = train(data_root, tmp_path / 'run', overrides)
    assert all('loss_teacher' in x for x in records(tmp_path / 'run') if 'loss' in x)
    steps = [step['type'] for step in runner.cfg.train_dataloader.dataset.pipeline]
    assert steps[-1] == 'AddTeacherKeypoints'
    config = tmp_path / 'run' / 'config.py'
    cfg = load_config(config)  # as to resume from: the step is not there twice
    assert [x['type'] for x in cfg.train_dataloader.dataset.pipeline] == steps
    with np.load(file) as found:
        others = {**found, 'ann_id': found['ann_id'] + 10_000}
    np.savez(file, **others)
    with pytest.raises(ValueError, match=r'none of an annotation in .*train2017\.json; predict on'):
        train(data_root, tmp_path / 'none', overrides)


def test_soup_of_a_run(data_root, teacher, tmp_path, capsys):
    files = sorted(str(path) for path in teacher.glob('iter_*.pth'))
    cfg = load_config(teacher / 'config.py', {}, data_root)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', save_best='coco/AP', rule='less')
    with pytest.raises(ValueError, match='--top is 1'):
        run_soup(cfg, files, str(tmp_path / 'soup.pth'), top=1)
    with pytest.raises(FileExistsError, match='is an input'):
        run_soup(cfg, files, files[0])
    soup = run_soup(cfg, [str(teacher)], str(tmp_path / 'soup.pth'), work_dir=str(tmp_path))
    assert not soup.is_better  # AP is 0 throughout
    assert not (tmp_path / 'soup.pth').exists()


def test_soup_that_helps_is_a_plain_checkpoint(data_root, teacher, tmp_path, monkeypatch):
    """What an evaluation gives is stood for by how near a weight is to the mean of two."""
    name = 'head.final_layer.bias'
    files = [teacher / f'iter_{i}.pth' for i in (1, 8)]
    states = [read_checkpoint(path)['state_dict'] for path in files]
    middle = (states[0][name] + states[1][name]) / 2

    def test(runner):
        distance = (runner.bare_model.state_dict()[name].cpu() - middle).norm()
        return {'coco/AP': 1 - float(distance)}

    monkeypatch.setattr('mmpose.engine.runner.PoseRunner.test', test)
    cfg = load_config(teacher / 'config.py', {}, data_root)
    out = tmp_path / 'soup.pth'
    soup = run_soup(cfg, [str(x) for x in files], str(out), work_dir=str(tmp_path / 'logs'))
    assert soup.is_better
    content = read_checkpoint(out)
    assert set(content) == {'state_dict', 'meta'}
    for key, tensor in content['state_dict'].items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (states[0][key] + states[1][key]) / 2)
    assert init_model(read_recorded_config(teacher / 'config.py'), str(out)) is not None
    other = {'model.backbone.embed_dim': 48, 'model.head.in_channels': 48}
    cfg = load_config(teacher / 'config.py', SMALL | other, data_root)
    with pytest.raises(ValueError, match='embed_dim is 96 in the file and 48 in the model'):
        run_soup(cfg, [str(x) for x in files], str(out), work_dir=str(tmp_path / 'logs'))
