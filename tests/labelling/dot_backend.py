"""A stub of a network: sure of some keypoints, unsure of others, and blind to a third kind."""

from types import SimpleNamespace

import numpy as np
import torch

from mmpose.apis.inference import PoseInferencer, Prediction
from mmpose.metainfo import load_metainfo

SURE, UNSURE, BLIND = [0, 1, 2, 3, 4, 7, 8], [5, 6], list(range(9, 17))  # of COCO, with partners


class DotBackend:
    """Finds a light dot, and says of the last keypoints that they are at one place of any crop.

    So the views of the dot agree, and those of the other place do not. The score is
    ``score`` for a white dot and less for a darker one; the features are the mean colours.
    """

    dataset_meta = load_metainfo('coco')
    input_size = (96, 128)
    use_udp = True
    padding = 1.25
    stretch = False
    device = 'cpu'
    model = SimpleNamespace(
        data_preprocessor=SimpleNamespace(normalize=torch.Tensor.float), extract_feat=lambda x: x
    )

    def __init__(self, score=0.9, shift=0.0):
        self.score, self.shift = score, shift

    def predict(self, crops, with_heatmaps=False):
        num, width = len(crops), self.input_size[0]
        light = crops.float().mean(dim=1)  # (B, 3, h, w) -> (B, h, w)
        weight = (light - 128).clamp(min=0).flatten(1) + 1e-6
        cells = torch.arange(weight.shape[1])
        places = torch.stack([cells % width, cells // width], 1).float()
        dot = (weight[..., None] * places).sum(1) / weight.sum(1, keepdim=True)  # centre of light
        keypoints = dot[:, None].expand(num, 17, 2).clone()
        keypoints[:, BLIND] = torch.tensor([20.0, 30.0])
        keypoints += self.shift
        brightest = light.flatten(1).max(dim=1, keepdim=True)[0]
        scores = (self.score * brightest / 255).expand(num, 17).clone()
        scores[:, UNSURE] = 0.4
        return Prediction(keypoints, scores)


def image_with_dot(place_xy, level=255, background=(0, 0, 0)):
    """Returns an image (120, 160, 3) with a dot of 13x13 px around a place."""
    image = np.full((120, 160, 3), background, np.uint8)
    x, y = place_xy
    image[y - 6 : y + 7, x - 6 : x + 7] = level
    return image


def dot_inferencer(score=0.9, detector='whole-image', **options):
    return PoseInferencer(DotBackend(score), detector=detector, **options)
