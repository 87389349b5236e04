"""Small stand-ins for a camera and a model."""

from dataclasses import replace

import numpy as np
import torch

from mmpose.apis.inference import PosePredictor, Prediction
from mmpose.metainfo import load_metainfo
from mmpose.structures import PoseResult, box_iou_xywh


class StubBackend:
    """A network that sees a standing person in each crop."""

    dataset_meta = load_metainfo('coco')
    input_size = (48, 64)
    use_udp = True
    padding = 1.25
    stretch = False

    def predict(self, crops, with_heatmaps=False):
        steps = torch.linspace(0.1, 0.9, 17)
        points = torch.stack([48 * (0.4 + 0.2 * (torch.arange(17) % 2)), 64 * steps], dim=-1)
        return Prediction(points.expand(len(crops), 17, 2).clone(), torch.ones(len(crops), 17))


class StubEstimator:
    """What the pipeline needs of a ``ViTPoseEstimator``."""

    device = 'cpu'
    has_flip_test = False

    def __init__(self):
        self.backend = StubBackend()
        self.dataset_meta = self.backend.dataset_meta
        self.predictor = PosePredictor(self.backend)

    def set_flip_test(self, wanted):
        raise AssertionError('it has none')


class SeeingPredictor:
    """A model that sees the joints of a synthetic source: those of whom a box shows best.

    Whoever is painted later is in front, and taken for the one that the box means unless the other
    fills it a good deal better, as a network of one person a crop does.
    """

    def __init__(self, source, front=0.25, noise_px=1.0):
        self.source = source
        self.front = front
        self.noise_px = noise_px
        self.rng = np.random.default_rng(0)

    def __call__(self, frames, boxes):
        [frame], [boxes] = frames, boxes
        return [[self.pose_of(frame.index, box) for box in boxes.xywh]]

    def pose_of(self, index, box):
        people = self.source.boxes_at(index).xywh
        overlap = box_iou_xywh(np.repeat(box[None], len(people), axis=0), people)
        who = np.argmax(overlap + self.front * np.arange(len(people)) * (overlap > 0.1))
        joints = self.source.keypoints_at(index)[who]
        joints = joints + self.rng.normal(0, self.noise_px, joints.shape)
        scores = np.full(len(joints), 0.9 if overlap[who] > 0.1 else 0.05, np.float32)
        area = float(np.prod(box[2:]))
        return PoseResult(0, 0, 1, joints.astype(np.float32), scores, box, area=area)


class StubCapture:
    """A camera of OpenCV that gives so many frames and is then unplugged."""

    def __init__(self, num_frames, is_open=True):
        self.num_left = num_frames
        self.is_open = is_open

    def isOpened(self):
        return self.is_open

    def get(self, _):
        return 200.0

    def read(self):
        self.num_left -= 1
        if self.num_left < 0:
            return False, None
        return True, np.full((48, 64, 3), 90, np.uint8)

    def release(self):
        pass


class ListSink:
    """Keeps what is sent."""

    def __init__(self):
        self.messages = []
        self.is_closed = False

    def send(self, message):
        self.messages.append(message)

    def close(self):
        self.is_closed = True


class KnownPredictor:
    """A network that sees the joints of the people of synthetic views as they are."""

    def __init__(self, parts):
        self.parts = parts
        self.predict = StubEstimator().predictor
        self.num_frames = []

    def __call__(self, frames, boxes):
        self.num_frames.append(len(frames))
        return [
            [
                replace(pose, keypoints=known)
                for pose, known in zip(poses, self.joints_of(frame), strict=True)
            ]
            for frame, poses in zip(frames, self.predict(frames, boxes), strict=True)
        ]

    def joints_of(self, frame):
        return self.parts[frame.view].keypoints_at(frame.index)
