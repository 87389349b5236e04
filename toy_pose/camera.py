"""What the camera adds: light, colour cast, blur, noise and compression."""

import cv2
import numpy as np

from toy_pose.textures import add_noise, smooth_field


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) uint8 with random light, colour cast, blur and noise."""
    height, width = image.shape[:2]
    spread = rng.uniform(5, 40)
    light = smooth_field(rng, height, width, 2, 128 - spread, 128 + spread, 0.25)
    image = cv2.multiply(image, light, scale=float(rng.uniform(0.8, 1.2)) / 128)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 0.9)))
    return add_noise(image, rng, 0.0, float(rng.uniform(0, 5)))


def encode_jpeg(image: np.ndarray, rng: np.random.Generator) -> bytes:
    """The image (H, W, 3) uint8 as a JPEG file of random quality."""
    quality = int(rng.integers(60, 96))
    is_ok, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert is_ok, 'OpenCV cannot write JPEG'
    return data.tobytes()
