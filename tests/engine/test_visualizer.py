"""Pictures arrive in each backend, as they were drawn."""

import json

import cv2
import numpy as np
import pytest
from mmengine.visualization import MLflowVisBackend

from mmpose.engine import PoseLocalVisualizer
from mmpose.registry import VISUALIZERS

PICTURE = np.zeros((20, 30, 3), np.uint8)
PICTURE[:10], PICTURE[10:] = (250, 0, 0), (0, 250, 0)  # RGB


class Recorder(MLflowVisBackend):
    """MLflow's backend without MLflow, which is optional."""

    def __init__(self, save_dir):
        self._save_dir = save_dir
        self._env_initialized = True
        self.names = []

    def add_image(self, name, image, step=0):
        self.names.append(name)

    def add_scalars(self, scalar_dict, step=0, file_path=None):
        self.names += list(scalar_dict)


@pytest.fixture
def visualizer(tmp_path):
    backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    options = dict(vis_backends=backends, save_dir=str(tmp_path), name=tmp_path.name)
    return VISUALIZERS.build(dict(type='PoseLocalVisualizer', **options))


def test_local_and_tensorboard_get_the_picture(visualizer, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert isinstance(visualizer, PoseLocalVisualizer)
    visualizer.add_image('val_worst', PICTURE, step=4)
    visualizer.close()
    local = cv2.imread(str(tmp_path / 'vis_data/vis_image/val_worst_4.png'))
    np.testing.assert_array_equal(local[..., ::-1], PICTURE)
    events = EventAccumulator(str(tmp_path / 'vis_data')).Reload()
    (event,) = events.Images('val_worst')
    assert event.step == 4
    encoded = np.frombuffer(event.encoded_image_string, np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1], PICTURE)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(str(tmp_path))


def test_mlflow_gets_a_file_name_for_each_step(recorder, tmp_path):
    visualizer = PoseLocalVisualizer(vis_backends=[recorder], save_dir=str(tmp_path))
    for step in (3, 12):
        visualizer.add_image('train_preview', PICTURE, step=step)
    assert recorder.names == ['train_preview/0000003.png', 'train_preview/0000012.png']


def test_mlflow_gets_names_of_figures_that_it_takes(recorder, visualizer, tmp_path):
    visualizer._vis_backends['mlflow'] = recorder
    figures = {'coco/AP (M)': 0.5, 'coco/AP .5': 0.75, 'train/images_per_s': 9.0}
    visualizer.add_scalars(figures, step=2)
    assert recorder.names == ['coco/AP M', 'coco/AP .5', 'train/images_per_s']
    (line,) = (tmp_path / 'vis_data/scalars.json').read_text().splitlines()
    assert json.loads(line) == {**figures, 'step': 2}
