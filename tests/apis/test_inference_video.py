"""Every frame of a video once and in order, whatever is slow, broken or closed early."""

import sys
import threading
import time

import cv2
import numpy as np
import pytest
import torch

from mmpose.apis import PoseInferencer
from mmpose.metainfo import load_metainfo
from mmpose.structures import Boxes
from tests.apis.numbered_video import NumberBackend, number_of, write_video

NUM = 72


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('video') / 'numbers.avi', NUM)


@pytest.fixture(autouse=True, params=['PyAV', 'OpenCV'])
def _by_both_readers(request, monkeypatch):
    if request.param == 'PyAV':
        pytest.importorskip('av')
    else:
        monkeypatch.setitem(sys.modules, 'av', None)


@pytest.fixture(autouse=True)
def _all_threads_end():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Watching:
    """A detector of the whole image that keeps the numbers of the frames it saw."""

    def __init__(self, seconds=0.0, fail_at=None):
        self.seconds, self.fail_at, self.seen = seconds, fail_at, []

    def __call__(self, frames):
        time.sleep(self.seconds * len(frames))
        self.seen += [frame.index for frame in frames]
        if self.fail_at in self.seen:
            raise RuntimeError('the detector broke')
        return [Boxes.whole_image(frame.image_wh) for frame in frames]


def numbers_of(results):
    """Returns index, number in the picture, and number in the pose of each frame."""
    return [
        (
            result.frame.index,
            number_of(result.frame.image_bgr),
            round(result.poses[0].keypoint_scores[0]),
        )
        for result in results
    ]


@pytest.mark.parametrize('batch_size', [1, 7, 32])
@pytest.mark.parametrize('slow', ['nothing', 'detector', 'network', 'reader'])
def test_every_frame_once_and_in_order(video, slow, batch_size):
    detector = Watching(0.001 if slow == 'detector' else 0)
    backend = NumberBackend(0.004 if slow == 'network' else 0)
    inferencer = PoseInferencer(backend, detector=detector, batch_size=batch_size)
    found = []
    for result in inferencer(video):
        time.sleep(0.001 if slow == 'reader' else 0)
        found.append(result)
    assert numbers_of(found) == [(i, i, i) for i in range(NUM)]
    assert detector.seen == list(range(NUM))
    assert [round(result.frame.time_s * 25, 6) for result in found] == list(range(NUM))
    assert inferencer.problems == []
    assert max(backend.batches) == min(batch_size, NUM)


def test_several_videos_one_after_the_other(video, tmp_path):
    other = write_video(tmp_path / 'other.avi', 5)
    results = list(PoseInferencer(NumberBackend(), detector='whole-image')([video, other]))
    assert numbers_of(results[NUM:]) == [(i, i, i) for i in range(5)]
    assert [result.poses[0].track_id for result in results[NUM:]] == [1] * 5


@pytest.mark.parametrize('part', ['detector', 'network'])
def test_an_error_arrives_once_after_the_frames_before(video, part):
    detector = Watching(fail_at=40 if part == 'detector' else None)
    backend = NumberBackend(fail_at=40 if part == 'network' else None)
    running = PoseInferencer(backend, detector=detector, batch_size=4)(video)
    assert numbers_of([next(running) for _ in range(40)]) == [(i, i, i) for i in range(40)]
    with pytest.raises(RuntimeError, match=f'the {part} broke'):
        next(running)
    assert next(running, None) is None


def test_closing_early_stops_reading(video):
    detector = Watching()
    running = PoseInferencer(NumberBackend(), detector=detector, batch_size=4)(video)
    assert numbers_of([next(running), next(running)]) == [(0, 0, 0), (1, 1, 1)]
    running.close()
    assert len(detector.seen) <= 4 * 8


def test_detection_in_every_third_frame(video):
    class Joints(NumberBackend):
        """Joints at two corners around the middle of the crop, so that a box follows."""

        def predict(self, crops, with_heatmaps=False):
            prediction = super().predict(crops)
            corners = prediction.keypoints.clone()
            corners[:, ::2] = torch.tensor([6.0, 8.0])
            corners[:, 1::2] = torch.tensor([17.0, 23.0])
            return type(prediction)(corners, prediction.keypoint_scores + 1)

    detector = Watching()
    running = PoseInferencer(Joints(), detector=detector, batch_size=1, det_every=3)(video)
    results = [next(running) for _ in range(12)]  # the stub follows boxes that follow the stub
    running.close()
    assert detector.seen[:4] == [0, 3, 6, 9]
    assert [round(result.poses[0].keypoint_scores[0]) - 1 for result in results] == list(range(12))
    sizes = np.array([result.poses[0].bbox_xywh[2:] for result in results])
    np.testing.assert_array_equal(sizes[::3], [[64, 48]] * 4)
    assert (sizes[1::3] < 0.9 * sizes[::3].max()).any(axis=1).all()  # of the joints, padded


def test_two_boxes_that_lead_to_one_person(video):
    class OnePerson(NumberBackend):
        """Sees the same joints of the image in every crop."""

        meta = load_metainfo('coco')

        def predict(self, crops, with_heatmaps=False):
            prediction = super().predict(crops)
            joints = torch.tensor([[6.0, 8.0], [17.0, 23.0]]).repeat(9, 1)[:17]
            return type(prediction)(joints.expand(len(crops), 17, 2), torch.ones(len(crops), 17))

    def two_boxes(frames):
        return [Boxes.from_xywh([[0, 0, 60, 40], [2, 1, 60, 40]]) for _ in frames]

    running = PoseInferencer(OnePerson(), detector=two_boxes, batch_size=1, det_every=2)(video)
    assert [len(next(running).poses) for _ in range(4)] == [2, 1, 2, 1]
    running.close()


def test_a_damaged_part_costs_its_frames_only(tmp_path):
    path = tmp_path / 'noise.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 25, (320, 240))
    rng = np.random.default_rng(0)
    for _ in range(60):
        writer.write(rng.integers(0, 255, (240, 320, 3), np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path.write_bytes(data)
    detector = Watching()
    inferencer = PoseInferencer(NumberBackend(), detector=detector)
    results = list(inferencer(path))
    bad = [result.frame.index for result in results if result.problem]
    assert [result.frame.index for result in results] == list(range(60))
    assert 0 < len(bad) < 10
    assert detector.seen == [i for i in range(60) if i not in bad]
    for index in bad:
        assert results[index].poses == []
        before = results[bad[0] - 1].frame.image_bgr
        np.testing.assert_array_equal(results[index].frame.image_bgr, before)
    [problem] = inferencer.problems
    assert problem.startswith(f'{len(bad)} of 60 frames of')


def test_a_video_that_was_cut_off(video, tmp_path):
    path = tmp_path / 'cut.avi'
    data = video.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    inferencer = PoseInferencer(NumberBackend(), detector='whole-image')
    results = list(inferencer(path))
    assert numbers_of(results) == [(i, i, i) for i in range(len(results))]
    assert 10 < len(results) < NUM - 10
    assert inferencer.problems[0].endswith(f'promises {NUM} frames but ends after {len(results)}')


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', r'\(0 bytes\) cannot be read as a video'),
        (b'not a video', 'cannot be read as a video'),
    ],
)
def test_no_video(tmp_path, content, words):
    path = tmp_path / 'bad.mp4'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        list(PoseInferencer(NumberBackend(), detector='whole-image')(path))


def test_smoothing_and_gaps_keep_every_frame(video):
    class Blinking(Watching):
        """Sees nobody in every fifth frame."""

        def __call__(self, frames):
            boxes = super().__call__(frames)
            pairs = zip(frames, boxes, strict=True)
            return [x.select([]) if frame.index % 5 == 1 else x for frame, x in pairs]

    inferencer = PoseInferencer(NumberBackend(), detector=Blinking(), smoothing=True, max_gap=2)
    results = list(inferencer(video))
    assert [number_of(result.frame.image_bgr) for result in results] == list(range(NUM))
    missing = [result.frame.index for result in results if not result.poses]
    assert missing == [NUM - 1]  # behind the last frame nobody knows
    between = results[6].poses[0]
    assert between.keypoint_scores[0] == pytest.approx(6)  # between 5 and 7
