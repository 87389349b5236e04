"""A stub of a network that is sure of some keypoints, unsure of others, and blind to a third kind."""

import numpy as np
import torch

from mmpose.apis.inference import PoseInferencer, Prediction
from mmpose.metainfo import load_metainfo

SURE, UNSURE, BLIND = [0, 1, 2, 3, 4, 7, 8], [5, 6], list(range(9, 17))  # of COCO, with partners


class DotBackend:
    """Finds a white dot, and says of the last keypoints that they are at one place of any crop.

    So the views of the dot agree, and those of the other place do not.
    """

    dataset_meta = load_metainfo('coco')
    input_size = (96, 128)
    use_udp = True
    padding = 1.25
    stretch = False

    def __init__(self, score=0.9):
        self.score = score

    def predict(self, crops, with_heatmaps=False):
        num, width = len(crops), self.input_size[0]
        light = crops.float().mean(dim=1)  # (B, 3, h, w) -> (B, h, w)
        weight = (light - 128).clamp(min=0).flatten(1) + 1e-6
        cells = torch.arange(weight.shape[1])
        places = torch.stack([cells % width, cells // width], 1).float()
        dot = (weight[..., None] * places).sum(1) / weight.sum(1, keepdim=True)  # centre of light
        keypoints = dot[:, None].expand(num, 17, 2).clone()
        keypoints[:, BLIND] = torch.tensor([20.0, 30.0])
        scores = torch.full((num, 17), self.score)
        scores[:, UNSURE] = 0.4
        return Prediction(keypoints, scores)


def image_with_dot(place_xy, size_wh=(160, 120)):
    """Returns a black image (H, W, 3) with a white dot of 7x7 px around a place."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    x, y = place_xy
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    return image


def dot_inferencer(score=0.9, detector='whole-image', **options):
    return PoseInferencer(DotBackend(score), detector=detector, **options)
