"""Videos whose frames carry their number, and a stub of a network that reads it."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import torch

from mmpose.apis.inference import Prediction
from mmpose.metainfo import load_metainfo

DARKEST, STEP = 16, 3  # grey levels; compression is off by one at most
MAX_FRAMES = 75


def write_video(
    path: Path, num_frames: int, fps: float = 25.0, size_wh=(64, 48), step: int = STEP
) -> Path:
    """Writes a video of grey frames, each as bright as its number, MAX_FRAMES at most."""
    code = cv2.VideoWriter.fourcc(*('mp4v' if path.suffix == '.mp4' else 'MJPG'))
    writer = cv2.VideoWriter(str(path), code, fps, size_wh)
    for number in range(num_frames):
        writer.write(np.full((size_wh[1], size_wh[0], 3), DARKEST + step * number, np.uint8))
    writer.release()
    return path


def number_of(image, step: int = STEP) -> int:
    """Returns the number that a frame carries."""
    height, width = image.shape[:2]
    return round((float(image[height // 2, width // 2].mean()) - DARKEST) / step)


class NumberBackend:
    """Says of each crop the number that its middle carries: as score, and as x of each joint."""

    dataset_meta = load_metainfo('coco')
    input_size = (24, 32)
    use_udp = True
    padding = 1.25
    stretch = False

    def __init__(self, seconds: float = 0.0, fail_at: int | None = None) -> None:
        self.seconds = seconds
        self.fail_at = fail_at
        self.batches: list[int] = []

    def predict(self, crops, with_heatmaps=False):
        self.batches.append(len(crops))
        time.sleep(self.seconds)
        middle = crops[:, :, 16, 12].float().mean(1)  # (B, 3, h, w) -> (B,)
        numbers = torch.round((middle - DARKEST) / STEP)
        if self.fail_at is not None and (numbers == self.fail_at).any():
            raise RuntimeError(f'the network broke at {self.fail_at}')
        keypoints = numbers[:, None, None].expand(-1, 17, 2)
        return Prediction(keypoints, numbers[:, None].expand(-1, 17))
