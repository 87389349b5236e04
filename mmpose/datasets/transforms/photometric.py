"""Photometric augmentation, which never changes the geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.datasets.sample import Sample
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PhotometricDistortion:
    """Distorts brightness, contrast, saturation and hue of ``image``, each with probability 1/2.

    The steps and ranges are those of SSD training (Liu et al., ECCV 2016, section 2.2): contrast
    acts before or after the colour changes, and the channels may change places at the end. Put it
    after ``TopdownAffine``: a crop has fewer pixels than an image.

    Args:
        brightness_delta: Largest amount added, in grey levels.
        contrast_range: Factor.
        saturation_range: Factor.
        hue_delta: Largest amount added, in degrees.
        swap_channels: Whether channels may be permuted.
    """

    reads = ('image', 'rng')
    writes = ('image',)

    def __init__(
        self,
        brightness_delta: float = 32,
        contrast_range: tuple[float, float] = (0.5, 1.5),
        saturation_range: tuple[float, float] = (0.5, 1.5),
        hue_delta: float = 18,
        swap_channels: bool = True,
    ) -> None:
        self.brightness_delta = brightness_delta
        self.contrast_range = contrast_range
        self.saturation_range = saturation_range
        self.hue_delta = hue_delta
        self.swap_channels = swap_channels

    def __call__(self, sample: Sample) -> Sample:
        rng = sample['rng']
        flags = rng.random(6) < 0.5
        brightness, contrast, contrast_first, saturation, hue, swap = flags.tolist()
        image = sample['image'].astype(np.float32)
        if brightness:
            image += rng.uniform(-self.brightness_delta, self.brightness_delta)
        factor = rng.uniform(*self.contrast_range) if contrast else 1.0
        if contrast_first:
            image *= factor
        image = self._recolour(image, rng, saturation, hue)
        if not contrast_first:
            image *= factor
        if swap and self.swap_channels:
            image = image[..., rng.permutation(3)]
        sample['image'] = np.ascontiguousarray(image.clip(0, 255).round().astype(np.uint8))
        return sample

    def _recolour(
        self, image: NDArray[np.float32], rng: np.random.Generator, saturation: bool, hue: bool
    ) -> NDArray[np.float32]:
        if not (saturation or hue):
            return image
        # Of a float image, OpenCV gives hue in degrees and saturation in 0..1.
        hsv = cv2.cvtColor(image.clip(0, 255), cv2.COLOR_BGR2HSV)
        if saturation:
            hsv[..., 1] = (hsv[..., 1] * rng.uniform(*self.saturation_range)).clip(0, 1)
        if hue:
            hsv[..., 0] = (hsv[..., 0] + rng.uniform(-self.hue_delta, self.hue_delta)) % 360
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


@TRANSFORMS.register_module()
class Albumentation:
    """Applies image-only transforms of the library albumentations (2.0 or newer) to ``image``.

    Args:
        transforms: Configs such as ``dict(type='Blur', p=0.1)``; ``OneOf`` and the like take
            their own list under ``transforms``. Put it after ``TopdownAffine``.
    """

    reads = ('image', 'rng')
    writes = ('image',)

    def __init__(self, transforms: Sequence[Mapping[str, Any]]) -> None:
        import albumentations

        self._apply = albumentations.Compose([_build(config) for config in transforms])
        if not hasattr(self._apply, 'set_random_seed'):
            raise ValueError(
                f'Albumentation needs albumentations 2.0 or newer to be reproducible, found '
                f'{albumentations.__version__}'
            )

    def __call__(self, sample: Sample) -> Sample:
        self._apply.set_random_seed(int(sample['rng'].integers(2**31)))
        image = cv2.cvtColor(sample['image'], cv2.COLOR_BGR2RGB)  # the library expects RGB
        image = self._apply(image=image)['image']
        sample['image'] = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        return sample


def _build(config: Mapping[str, Any]) -> Any:
    import albumentations

    options = dict(config)
    name = options.pop('type')
    if not hasattr(albumentations, name):
        raise ValueError(f"albumentations has no transform '{name}'")
    if 'transforms' in options:
        options['transforms'] = [_build(step) for step in options['transforms']]
    transform = getattr(albumentations, name)(**options)
    allowed = (albumentations.ImageOnlyTransform, albumentations.BaseCompose)
    if not isinstance(transform, allowed):
        raise ValueError(
            f"Albumentation: '{name}' moves pixels, but keypoints would not follow; give "
            'image-only transforms'
        )
    return transform
