"""The example of a service answers with poses, and bad bodies with one sentence."""

import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmpose.apis import PoseInferencer, init_model
from mmpose.export import ExportOptions, run_export

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / 'examples/serve_fastapi.py'
TOY = ROOT / 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'


@pytest.fixture(scope='module')
def client(tmp_path_factory):
    pytest.importorskip('fastapi')
    from fastapi.testclient import TestClient

    folder = tmp_path_factory.mktemp('serve')
    with pytest.warns(UserWarning, match='RANDOM WEIGHTS'):
        model = init_model(TOY)
    torch.save({'state_dict': model.state_dict()}, folder / 'toy.pth')
    options = ExportOptions(out=folder / 'toy.torchscript', format='torchscript')
    run_export(TOY, folder / 'toy.pth', options)
    inferencer = PoseInferencer(folder / 'toy.torchscript', detector='whole-image')
    return TestClient(runpy.run_path(str(EXAMPLE))['create_app'](inferencer))


def picture(height=80, width=60):
    return cv2.imencode('.png', np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def test_a_picture_gives_poses(client):
    answer = client.post('/poses', content=picture())
    assert answer.status_code == 200
    found = answer.json()
    assert found['size'] == [60, 80]
    assert len(found['keypoint_names']) == 17
    assert np.shape(found['people'][0]['keypoints']) == (17, 2)
    assert found['people'][0]['bbox_xywh'] == [0, 0, 60, 80]
    assert client.get('/health').json() == {'skeleton': 'coco'}


BAD = {
    'empty': (b'', 400, 'no picture'),
    'text': (b'hello', 400, 'no picture'),
    'cut off': (picture()[:40], 400, 'picture'),
    'too many pixels': (lambda: picture(7000, 6000), 400, 'px'),
    'too many bytes': (lambda: b'x' * 20_000_001, 413, '20000000 bytes'),
}


@pytest.mark.parametrize('kind', BAD)
def test_bad_bodies_get_one_sentence(client, kind):
    body, status, words = BAD[kind]
    answer = client.post('/poses', content=body() if callable(body) else body)
    assert answer.status_code == status
    assert words in answer.json()['detail']
    assert '\n' not in answer.text


def test_a_wrong_model_is_one_sentence():
    command = [sys.executable, str(EXAMPLE), 'nothing']
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={'PYTHONPATH': str(ROOT)}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no file and no model 'nothing'")
    assert 'Traceback' not in done.stderr
