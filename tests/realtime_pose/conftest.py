"""No test asks the hub for a published model, or finds one in the cache of its user."""

import pytest

from realtime_pose.inference import model_choice


@pytest.fixture(autouse=True)
def without_published_model(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(model_choice, 'published_model', lambda: None)
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setenv('HF_HUB_CACHE', str(tmp_path_factory.getbasetemp() / 'no_hub'))
