"""Image formation: photographs, and renderings as if painted, drawn or carved."""

from collections.abc import Callable

import cv2
import numpy as np

from toy_pose.fast_random import add_noise, smooth_field

Treatment = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> the same


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the image (H, W, 3) uint8 with random light, colour cast, blur and noise."""
    height, width = image.shape[:2]
    spread = rng.uniform(5, 40)
    light = smooth_field(rng, height, width, 2, 128 - spread, 128 + spread, 0.25)
    image = cv2.multiply(image, light, scale=float(rng.uniform(0.8, 1.2)) / 128)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 0.9)))
    return add_noise(image, rng, 0.0, float(rng.uniform(0, 5)))


def encode_jpeg(image: np.ndarray, rng: np.random.Generator) -> bytes:
    """Encodes the image (H, W, 3) uint8 as a JPEG file of random quality."""
    quality = int(rng.integers(60, 96))
    is_ok, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert is_ok, 'OpenCV cannot write JPEG'
    return data.tobytes()


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _edges(image: np.ndarray) -> np.ndarray:
    """Strength of the edges (H, W) uint8."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (0, 0), 1.0)
    strength = cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S, ksize=3), alpha=3.0)
    return cv2.subtract(strength, np.full_like(strength, 30))  # without grain and folds


def _flat(image: np.ndarray) -> np.ndarray:
    """A few flat colours."""
    return (image // 48 * 48 + 24).astype(np.uint8)


def _inked(image: np.ndarray) -> np.ndarray:
    """Flat colours with dark outlines."""
    return cv2.subtract(_flat(image), cv2.cvtColor(_edges(image), cv2.COLOR_GRAY2BGR))


def _sketched(image: np.ndarray) -> np.ndarray:
    """Dark lines on paper with a hint of tone."""
    lines = cv2.cvtColor(_edges(image), cv2.COLOR_GRAY2BGR)
    return cv2.subtract(
        cv2.addWeighted(_grey(image), 0.25, np.full_like(image, 245), 0.7, 0), lines
    )


def _brushed(image: np.ndarray) -> np.ndarray:
    """Patches as of a brush."""
    return cv2.medianBlur(image, 5)


def _washed(image: np.ndarray) -> np.ndarray:
    """Thin paint on bright paper."""
    soft = cv2.bilateralFilter(image, 7, 60, 5)
    return cv2.addWeighted(soft, 0.65, np.full_like(image, 250), 0.35, 0)


def _backlit(image: np.ndarray) -> np.ndarray:
    """A warm, dark shadow show that keeps some contrast."""
    warm = cv2.multiply(_grey(image), (0.25, 0.55, 0.85, 0.0))
    return cv2.addWeighted(warm, 0.8, _flat(warm), 0.3, 0)


def _leaded(image: np.ndarray) -> np.ndarray:
    """Strong colours with black seams."""
    strong = cv2.addWeighted(image, 1.7, _grey(image), -0.7, 0)
    return cv2.subtract(_flat(strong), cv2.cvtColor(_edges(image), cv2.COLOR_GRAY2BGR))


def _carved(image: np.ndarray) -> np.ndarray:
    """Grey stone."""
    return cv2.addWeighted(_grey(image), 0.75, np.full_like(image, 150), 0.3, -10)


def _plain(image: np.ndarray) -> np.ndarray:
    """As drawn, without a camera."""
    return image


MEDIA: dict[str, Treatment | None] = {  # None: a photograph
    'cartoon': _inked,
    'digital_art': _plain,
    'ink_painting': lambda image: _washed(_grey(image)),
    'kids_drawing': lambda image: _washed(_inked(image)),
    'mural': _brushed,
    'oil_painting': lambda image: _brushed(_brushed(image)),
    'shadow_play': _backlit,
    'sketch': _sketched,
    'stained_glass': _leaded,
    'ukiyoe': lambda image: _washed(_flat(image)),
    'watercolor': _washed,
    'garage_kits': _plain,
    'relief': _carved,
    'sculpture': _carved,
    'acrobatics': None,
    'cosplay': None,
    'dance': None,
    'drama': None,
    'movie': None,
}


def paint_in_medium(
    treatment: Treatment | None,
) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Returns the filter that renders a drawn scene in that medium."""
    if treatment is None:
        return photograph

    def paint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return add_noise(treatment(image), rng, 1.0, float(rng.uniform(0, 4)))

    return paint
