import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from realtime_pose.inference import ViTPoseEstimator, available_models, infer_pose, model_choice
from realtime_pose.inference.model_choice import RANDOM, TOY_CONFIG
from realtime_pose.interface.gradio_app import build_app
from realtime_pose.interface.picture_note import with_note

PUBLISHED_MODEL = model_choice.published_model


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


def test_a_model_is_always_there_and_random_weights_are_said_in_capitals(tmp_path):
    models = available_models({}, tmp_path)
    assert list(models) == [RANDOM]
    assert models[RANDOM].warning.startswith('RANDOM WEIGHTS')


def test_the_environment_and_the_quickstart_come_first(tmp_path):
    weights, folder = tmp_path / 'a.pth', tmp_path / 'work_dirs/quickstart'
    folder.mkdir(parents=True)
    for file in (weights, folder / 'config.py', folder / 'epoch_3.pth'):
        file.write_text('')
    (folder / 'last_checkpoint').write_text('epoch_3.pth')
    given = {'VITPOSE_CONFIG': str(TOY_CONFIG), 'VITPOSE_CHECKPOINT': str(weights)}
    assert list(available_models(given, tmp_path)) == [TOY_CONFIG.stem, 'quickstart', RANDOM]
    with pytest.raises(FileNotFoundError, match='VITPOSE_CHECKPOINT is'):
        available_models(given | {'VITPOSE_CHECKPOINT': 'missing.pth'}, tmp_path)


def test_a_published_model_comes_before_one_of_generated_figures(tmp_path, monkeypatch):
    published = model_choice.ModelChoice('vitpose-b', tmp_path / 'ViTPose_base.py', 'hf://x')
    monkeypatch.setattr(model_choice, 'published_model', lambda: published)
    folder = tmp_path / 'work_dirs/quickstart'
    folder.mkdir(parents=True)
    for name, text in (('config.py', "data_root = 'data/toy'"), ('epoch_3.pth', '')):
        (folder / name).write_text(text)
    (folder / 'last_checkpoint').write_text('epoch_3.pth')
    models = available_models({}, tmp_path)
    assert list(models) == ['vitpose-b', 'quickstart', RANDOM]
    notes = [choice.picture_note for choice in models.values()]
    assert notes == ['', 'THIS MODEL KNOWS GENERATED FIGURES ONLY', 'RANDOM WEIGHTS']


@pytest.fixture
def hub(monkeypatch):
    hub = pytest.importorskip('huggingface_hub', reason='it needs requirements/io.txt')
    monkeypatch.setattr(model_choice, 'published_model', PUBLISHED_MODEL)
    monkeypatch.setattr(hub, 'try_to_load_from_cache', lambda *_: None)
    PUBLISHED_MODEL.cache_clear()
    yield hub
    PUBLISHED_MODEL.cache_clear()


def test_the_size_of_a_download_is_said_first(hub, monkeypatch):
    announced = SimpleNamespace(size=343_000_000)
    monkeypatch.setattr(hub, 'get_hf_file_metadata', lambda *_, **__: announced)
    assert PUBLISHED_MODEL().name == 'vitpose-b (downloads 343 MB)'
    PUBLISHED_MODEL.cache_clear()
    monkeypatch.setattr(hub, 'try_to_load_from_cache', lambda *_: '/cache/model.safetensors')
    choice = PUBLISHED_MODEL()
    assert (choice.name, choice.checkpoint) == ('vitpose-b', 'hf://usyd-community/vitpose-base')


def test_without_a_network_there_is_no_published_model(hub, monkeypatch):
    def fail(*_, **__):
        raise OSError('no route to host')

    monkeypatch.setattr(hub, 'get_hf_file_metadata', fail)
    assert PUBLISHED_MODEL() is None


def test_a_picture_says_what_its_model_does_not_know():
    image = np.zeros((60, 80, 3), np.uint8)
    assert with_note(image, '') is image
    for width in (80, 640, 1920):
        image = np.zeros((60, width, 3), np.uint8)
        noted = with_note(image, model_choice.GENERATED_NOTE)
        assert (noted[:60] == image).all()
        assert noted[60:].any()


def test_an_installation_without_gradio_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(ImportError, match=r'gradio: pip install -r requirements/app\.txt'):
        build_app()


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    trace, file = tmp_path / 'ran', tmp_path / 'bad.pth'
    torch.save({'state_dict': {}, 'meta': Harmful(str(trace))}, file)
    with pytest.raises((ValueError, pickle.UnpicklingError)) as caught:
        ViTPoseEstimator(TOY_CONFIG, file, 'cpu')
    assert 'bad.pth' in str(caught.value)
    assert not trace.exists()


def test_the_published_calls_give_one_pose():
    estimator = ViTPoseEstimator(TOY_CONFIG, device='cpu')
    image = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)
    whole = infer_pose(image, estimator)
    assert whole.keypoints.shape == (17, 2)
    assert whole.scores.shape == (17,)
    assert whole.meta['bbox'] == [0, 0, 80, 96]
    assert whole.meta['frame_size'] == [80, 96]
    box = [10.0, 20.0, 50.0, 90.0]
    for people in ([{'bbox': [*box, 0.9]}], [box], np.array([[*box, 0.9]])):
        pose = estimator.infer(image, people)
        assert pose.meta['bbox'] == box
    assert estimator.infer_people(image, []) == []
    with pytest.raises(ValueError, match='there is nobody'):
        estimator.infer(image, [[200.0, 0.0, 210.0, 10.0]])
    with pytest.raises(ValueError, match=r'expected \(N, 4\)'):
        estimator.infer(image, [[1.0, 2.0]])
