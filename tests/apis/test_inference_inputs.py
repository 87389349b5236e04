"""What PoseInferencer and inference_topdown take: images in memory, addresses, models, boxes."""

import copy
import functools
import http.server
import io
import os
import pickle
import threading

import cv2
import numpy as np
import pytest
import torch

from mmpose.apis import PoseInferencer, inference_topdown
from mmpose.apis.inference.images import to_bgr
from mmpose.apis.inference.sources import open_sources
from mmpose.apis.inference.videos import VideoSource
from mmpose.backends import TorchBackend
from tests.apis.numbered_video import NumberBackend, write_video
from tests.checkpoint_tools.checkpoint_files import plain_model

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
RGB = torch.from_numpy(np.ascontiguousarray(IMAGE[..., ::-1]))
DATA = cv2.imencode('.png', IMAGE)[1].tobytes()


@pytest.mark.parametrize(
    'item',
    [
        DATA, bytearray(DATA), memoryview(DATA), io.BytesIO(DATA), IMAGE,
        RGB, RGB.permute(2, 0, 1), RGB.permute(2, 0, 1).float() / 255,
        (RGB.double() / 255).requires_grad_(),
    ],
)  # fmt: skip
def test_an_image_in_memory_is_one_picture_and_never_a_camera(monkeypatch, item):
    monkeypatch.setattr(cv2, 'VideoCapture', None)
    [source] = open_sources(item)
    [(frame, _)] = source
    np.testing.assert_array_equal(frame.image_bgr, IMAGE)


def test_a_batch_of_tensors_and_a_generator_of_bytes(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', None)
    [source] = open_sources(torch.stack([RGB.permute(2, 0, 1)] * 3))
    assert [frame.index for frame, _ in source] == [0, 1, 2]
    [source] = open_sources(x for x in (DATA, IMAGE))
    assert len(list(source)) == 2


def test_pil_images():
    pil = pytest.importorskip('PIL.Image')
    image = pil.open(io.BytesIO(DATA))
    np.testing.assert_array_equal(to_bgr(image), IMAGE)
    turned = pil.fromarray(IMAGE[..., ::-1])
    exif = turned.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, 'png', exif=exif)
    upright = to_bgr(file.getvalue())
    assert upright.shape == (30, 40, 3)
    np.testing.assert_array_equal(to_bgr(pil.open(file)), upright)
    grey16 = pil.fromarray(np.full((4, 5), 0x8000, np.uint16))
    assert to_bgr(grey16).tolist() == np.full((4, 5, 3), 0x80).tolist()
    with pytest.raises(ValueError, match='came, expected') as caught:
        to_bgr(np.zeros((2, 2, 3)))
    assert 'float64' in str(caught.value)


@pytest.mark.parametrize(
    ('item', 'error', 'words'),
    [
        (b'', ValueError, r'0 bytes\) cannot be decoded'),
        (b'\xff\x00' * 50, ValueError, r'100 bytes\) cannot be decoded'),
        (io.StringIO('text'), TypeError, "open it with open.path, 'rb'"),
        (torch.zeros(3, 4, 4) + 7, ValueError, 'floats from 7 to 7, expected 0 to 1'),
        (torch.full((3, 4, 4), torch.nan), ValueError, 'floats from nan'),
        (torch.zeros(()), ValueError, r'shape \(\) and type torch.float32 came'),
        (torch.zeros(5, 7, 9), ValueError, r'shape \(5, 7, 9\)'),
        (torch.zeros(3, 4, 4, dtype=torch.int64), ValueError, 'torch.int64 came'),
        (np.array(['a.jpg']), ValueError, 'expected'),
        ({'a.jpg': 1}, TypeError, 'dict is no input'),
        (object(), TypeError, 'object is no input'),
        (None, TypeError, 'NoneType is no input'),
        (iter(b'ab'), TypeError, 'of type int, expected a path'),
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused_in_one_sentence(item, error, words):
    with pytest.raises(error, match=words):
        _ = [list(source) for source in open_sources(item)]


def test_a_list_goes_on_after_what_cannot_be_read(tmp_path):
    (tmp_path / 'empty.jpg').mkdir()
    (tmp_path / 'loop.jpg').symlink_to(tmp_path / 'loop.jpg')
    (tmp_path / 'nowhere.jpg').symlink_to(tmp_path / 'gone.jpg')
    os.mkfifo(tmp_path / 'pipe.jpg')
    header = b'P5 70000 70000 255\n'  # 4.9 thousand million pixels
    (tmp_path / 'bomb.pgm').write_bytes(header)
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    (tmp_path / 'good.png').write_bytes(DATA)
    names = ('empty.jpg', 'loop.jpg', 'nowhere.jpg', 'pipe.jpg', 'bomb.pgm', 'broken.mp4')
    bad = [*(str(tmp_path / name) for name in names), f'{"x" * 300}.jpg']
    inferencer = PoseInferencer(NumberBackend(), detector='whole-image')
    good = tmp_path / 'good.png'
    results = list(inferencer([*bad[:3], good, *bad[3:], good]))
    assert [result.frame.name for result in results] == [str(good)] * 2
    assert len(inferencer.problems) == len(bad)
    assert not any('\n' in problem for problem in inferencer.problems)
    for one in bad:
        with pytest.raises((ValueError, OSError)):
            list(inferencer(one))
    with pytest.raises(ValueError, match='no file but a pipe or a device'):
        to_bgr(tmp_path / 'pipe.jpg')


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """The address of a folder with a picture and a video of five frames, and its path."""
    folder = tmp_path_factory.mktemp('served')
    (folder / 'a b.png').write_bytes(DATA)
    (folder / 'picture').write_bytes(b'not an image')
    (folder / 'cut.jpg').write_bytes(b'\xff\xd8')
    write_video(folder / 'v.avi', 5)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as own:
        thread = threading.Thread(target=own.serve_forever, daemon=True)
        thread.start()
        yield f'http://127.0.0.1:{own.server_port}', folder
        own.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_address_of_a_file_ends_where_the_file_ends(server):
    address, folder = server
    inferencer = PoseInferencer(NumberBackend(), detector='whole-image')
    [result] = inferencer(f'{address}/a%20b.png?token=1')
    np.testing.assert_array_equal(result.frame.image_bgr, IMAGE)
    assert [x.frame.index for x in inferencer(f'{address}/v.avi')] == list(range(5))
    assert [x.frame.index for x in inferencer(f'{folder.as_uri()}/v.avi')] == list(range(5))
    [result] = inferencer(f'{folder.as_uri()}/a%20b.png')
    assert result.frame.name == str(folder / 'a b.png')
    assert isinstance(open_sources(f'{address}/v.avi')[0], VideoSource)
    with pytest.raises(ValueError, match='cannot be decoded'):
        list(inferencer(f'{address}/cut.jpg'))
    with pytest.raises(ValueError, match='404'):
        list(inferencer(f'{address}/gone.png'))
    with pytest.raises(ConnectionError, match='cannot be opened'):
        list(inferencer(f'{address}/picture'))


@pytest.mark.parametrize(
    ('boxes', 'scores'),
    [
        ([[2, 3, 20, 30, 0.75]], [0.75]),
        (np.zeros((0, 5)), []),
        ([], []),
        (torch.tensor([[2.0, 3, 20, 30], [1, 1, 9, 9]]), [1, 1]),
    ],
)
def test_boxes_with_a_score_and_none(boxes, scores):
    model = plain_model().eval()
    assert [x.bbox_score for x in inference_topdown(model, DATA, boxes)] == scores


def test_boxes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r'shape \(1, 6\), expected \(N, 4\), or \(N, 5\)'):
        inference_topdown(plain_model().eval(), DATA, np.zeros((1, 6)))


def test_a_used_model_can_be_copied_moved_and_cast():
    torch.manual_seed(0)
    inferencer = PoseInferencer(plain_model().eval(), detector='whole-image', device='cpu')
    [before] = inferencer(IMAGE)
    expected = before.poses[0].keypoints
    for make in (copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        [after] = make(inferencer)(IMAGE)
        np.testing.assert_allclose(after.poses[0].keypoints, expected, atol=1e-4)
    backend = TorchBackend(plain_model().eval())
    crops = torch.zeros(1, 3, *backend.input_size[::-1], dtype=torch.uint8)
    first = backend.predict(crops).keypoint_scores
    for dtype in (torch.bfloat16, torch.float64, torch.float32):
        backend.model.to(dtype)
        scores = backend.predict(crops).keypoint_scores
        assert scores.isfinite().all()
    torch.testing.assert_close(scores, first, atol=0.02, rtol=0.02)  # bfloat16 has rounded


@pytest.mark.parametrize(
    'option',
    [
        dict(checkpoint='no-such-file.pth'), dict(dtype='bfloat16'), dict(input_size=(96, 128)),
        dict(flip_test=False), dict(dataset='coco'), dict(compile_model=True),
        dict(cuda_graphs=True),
    ],
)  # fmt: skip
def test_options_beside_a_model_object_are_refused(option):
    for model in (plain_model().eval(), NumberBackend()):
        with pytest.raises(ValueError, match=f'{next(iter(option))} of a model object is settled'):
            PoseInferencer(model, detector='whole-image', **option)


def test_a_model_has_to_be_one():
    with pytest.raises(TypeError, match='the model is a dict'):
        PoseInferencer({}, detector='whole-image')
    with pytest.raises(TypeError, match='the model is a str'):
        inference_topdown('vitpose-b', DATA)
