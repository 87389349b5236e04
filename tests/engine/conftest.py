"""A small dataset for the tests that train."""

import pytest

from toy_pose.folder import ToySpec
from toy_pose.generate import generate_toy_dataset


@pytest.fixture(scope='session')
def data_root(tmp_path_factory):
    """Folder with the dataset ``toy``."""
    folder = tmp_path_factory.mktemp('data')
    generate_toy_dataset(folder / 'toy', ToySpec(num_train=8, num_val=4), workers=1)
    return folder
