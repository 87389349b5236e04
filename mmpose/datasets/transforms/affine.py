"""Top-down affine crop of the network input."""

from __future__ import annotations

from math import ceil, cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.datasets.transforms.loading import EVERY_ROW
from mmpose.registry import TRANSFORMS
from mmpose.structures import CropWindow, transform_points


@TRANSFORMS.register_module()
class TopdownAffine:
    """Replaces ``image`` by its (h, w, 3) crop and moves ``keypoints`` along, to in px.

    One affine warp goes from the decoded image straight to the crop: scale, rotation, a pending
    flip and a reduced decoding are folded into its matrix, so none of them costs a pass over the
    image. All keypoints move, also those that are not labelled (the published code moves only
    labelled ones in the classic affine; their weight is 0 either way).

    Args:
        input_size: Width and height of the crop, px.
        use_udp: True for the aligned window that UDP codecs need.
        fix_aspect: Enlarges the short side of the window to the aspect of the crop. False
            stretches the window as it is (MPII's square windows).
    """

    reads = ('image', 'center', 'scale')
    writes = ('image', 'keypoints', 'center', 'scale', 'rotation', 'crop')

    def __init__(
        self, input_size: tuple[int, int], use_udp: bool = False, fix_aspect: bool = True
    ) -> None:
        if len(input_size) != 2 or min(input_size) < 2:
            raise ValueError(f'TopdownAffine: input_size is {input_size}, expected (width, height)')
        self.input_size = (int(input_size[0]), int(input_size[1]))
        self.use_udp = use_udp
        self.fix_aspect = fix_aspect

    def __call__(self, sample: Sample) -> Sample:
        rotation = float(sample.get('rotation', 0.0))
        wh = np.array(self._window_wh(sample))
        window = CropWindow(sample['center'], wh, self.input_size, rotation, self.use_udp)
        matrix = window.matrix()
        if 'keypoints' in sample:
            moved = transform_points(sample['keypoints'], matrix)
            sample['keypoints'] = moved.astype(np.float32)
        sample.pop('decoded', None)
        crop = cv2.warpAffine(
            sample['image'],
            _from_stored_pixels(matrix, sample),
            self.input_size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        is_padded = crop.shape[2] == 4  # by LoadImage
        sample['image'] = cv2.cvtColor(crop, cv2.COLOR_BGRA2BGR) if is_padded else crop
        sample['center'], sample['scale'] = window.center, window.scale
        sample['rotation'] = rotation
        sample['crop'] = window
        return sample

    def num_rows(self, sample: Sample) -> int:
        """Returns how many rows of an image, from its top, the crop of a sample may touch."""
        width, height = self._window_wh(sample)
        if not self.use_udp:  # one factor for both axes, see CropWindow
            height = width * self.input_size[1] / self.input_size[0]
        angle = radians(sample.get('rotation', 0.0))
        reach = (abs(sin(angle)) * width + abs(cos(angle)) * height) / 2
        bottom = min(EVERY_ROW, float(sample['center'][1]) + reach)  # also of NaN
        return max(ceil(bottom) + 2, 1)  # 2: the row that is mixed in

    def _window_wh(self, sample: Sample) -> tuple[float, float]:
        width, height = map(float, sample['scale'])
        if not self.fix_aspect:
            return width, height
        aspect = self.input_size[0] / self.input_size[1]
        return max(width, height * aspect), max(height, width / aspect)


def _from_stored_pixels(matrix: NDArray[np.float64], sample: Sample) -> NDArray[np.float64]:
    """Turns an affine from img px into one from the pixels of the array ``image``.

    The array is what the decoder gave: not mirrored, even if the sample is, and perhaps reduced.
    """
    stored = matrix.copy()
    if sample.get('flipped', False):  # x_img = W - 1 - x
        stored[:, 2] += stored[:, 0] * (sample['image_wh'][0] - 1)
        stored[:, 0] *= -1
    shrink = sample.get('shrink', 1)
    if shrink > 1:  # a stored pixel is the mean of shrink x shrink pixels around its centre
        stored[:, 2] += stored[:, :2].sum(axis=1) * (shrink - 1) / 2
        stored[:, :2] *= shrink
    return stored
