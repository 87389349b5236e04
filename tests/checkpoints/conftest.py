import pytest
import torch


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def write(tmp_path):
    """Saves weights as a checkpoint and returns its path."""

    def save(state, key='state_dict'):
        path = tmp_path / 'file.pth'
        torch.save({key: state, 'meta': {'epoch': 210}} if key else state, path)
        return path

    return save
