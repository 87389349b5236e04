"""Independent reference of the codecs: one person and one joint at a time, numpy and OpenCV.

Written from the published formulas, in float64, without sharing a line with the package.
Coordinates returned here are heatmap cells.
"""

import cv2
import numpy as np


def encode_gaussian(point_hm, shape_hw, sigma, exact_mean):
    """A target map and whether its 6 sigma + 1 window meets the map."""
    height, width = shape_hw
    reach = int(3 * sigma)
    target = np.zeros(shape_hw)
    mid_x, mid_y = int(point_hm[0] + 0.5), int(point_hm[1] + 0.5)
    mean_x, mean_y = point_hm if exact_mean else (mid_x, mid_y)
    met = False
    for y in range(max(0, mid_y - reach), min(height, mid_y + reach + 1)):
        for x in range(max(0, mid_x - reach), min(width, mid_x + reach + 1)):
            met = True
            distance2 = (x - mean_x) ** 2 + (y - mean_y) ** 2
            target[y, x] = np.exp(-distance2 / (2 * sigma**2))
    return target, float(met)


def encode_unbiased(point_hm, shape_hw, sigma):
    """A whole-map Gaussian at the exact position."""
    y, x = np.mgrid[: shape_hw[0], : shape_hw[1]]
    return np.exp(-((x - point_hm[0]) ** 2 + (y - point_hm[1]) ** 2) / (2 * sigma**2))


def encode_disc(point_hm, shape_hw, radius):
    """Score, x offset and y offset maps of the combined target."""
    target = np.zeros((3, *shape_hw))
    for y in range(shape_hw[0]):
        for x in range(shape_hw[1]):
            dx, dy = (point_hm[0] - x) / radius, (point_hm[1] - y) / radius
            if dx * dx + dy * dy <= 1:
                target[:, y, x] = 1, dx, dy
    return target


def encode_impulse(point_hm, shape_hw, size):
    """A blurred impulse with 255 at the joint's cell, or None outside the map."""
    x, y = int(point_hm[0]), int(point_hm[1])
    if not (0 <= x < shape_hw[1] and 0 <= y < shape_hw[0]):
        return None
    target = np.zeros(shape_hw)
    target[y, x] = 1
    target = cv2.GaussianBlur(target, (size, size), 0)
    return target / target[y, x] * 255


def peak(heatmap):
    index = int(heatmap.argmax())
    return index % heatmap.shape[1], index // heatmap.shape[1], heatmap.flat[index]


def blur_keeping_max(heatmap, size):
    """Blur with zeros around, scaled back to the maximum of the map."""
    margin = size // 2
    padded = cv2.GaussianBlur(np.pad(heatmap, margin), (size, size), 0)
    blurred = padded[margin:-margin, margin:-margin]
    return blurred * (heatmap.max() / blurred.max())


def decode_quarter(heatmap):
    """Argmax moved by 0.25 towards the higher neighbour; also whether it was moved."""
    x, y, score = peak(heatmap)
    height, width = heatmap.shape
    if not (1 < x < width - 1 and 1 < y < height - 1):
        return np.array([x, y], float), score, False
    slope = [heatmap[y, x + 1] - heatmap[y, x - 1], heatmap[y + 1, x] - heatmap[y - 1, x]]
    return np.array([x, y]) + 0.25 * np.sign(slope), score, True


def decode_quarter_per_axis(heatmap):
    """Argmax moved as MMPose 1.x does: along x and along y by conditions of their own."""
    x, y, score = peak(heatmap)
    height, width = heatmap.shape
    dx = heatmap[y, x + 1] - heatmap[y, x - 1] if 1 < x < width - 1 and y > 0 else 0
    dy = heatmap[y + 1, x] - heatmap[y - 1, x] if 1 < y < height - 1 and x > 0 else 0
    return np.array([x, y]) + 0.25 * np.sign([dx, dy]), score


def decode_dark(heatmap, size):
    """Argmax of the raw map plus a Taylor step on the log of the blurred map (stencil +-2)."""
    x, y, score = peak(heatmap)
    f = np.log(np.maximum(blur_keeping_max(heatmap, size), 1e-10))
    height, width = f.shape
    point = np.array([x, y], float)
    if 1 < x < width - 2 and 1 < y < height - 2:
        gradient = 0.5 * np.array([f[y, x + 1] - f[y, x - 1], f[y + 1, x] - f[y - 1, x]])
        dxx = 0.25 * (f[y, x + 2] - 2 * f[y, x] + f[y, x - 2])
        dyy = 0.25 * (f[y + 2, x] - 2 * f[y, x] + f[y - 2, x])
        dxy = 0.25 * (f[y + 1, x + 1] - f[y - 1, x + 1] - f[y + 1, x - 1] + f[y - 1, x - 1])
        hessian = np.array([[dxx, dxy], [dxy, dyy]])
        if np.linalg.det(hessian) != 0:
            point -= np.linalg.solve(hessian, gradient)
    return point, score


def decode_dark_udp(heatmap, size, border='reflect'):
    """Argmax of the raw map plus a Newton step on the log of the blurred, edge-padded map."""
    x, y, score = peak(heatmap)
    blurred = cv2.GaussianBlur(heatmap, (size, size), 0)  # OpenCV's default border: reflect-101
    if border == 'zero':  # as MMPose 1.x has it
        blurred = blur_keeping_max(heatmap, size)
    f = np.pad(np.log(np.clip(blurred, 0.001, 50)), 1, mode='edge')
    at = {(i, j): f[y + 1 + j, x + 1 + i] for i in (-1, 0, 1) for j in (-1, 0, 1)}
    gradient = 0.5 * np.array([at[1, 0] - at[-1, 0], at[0, 1] - at[0, -1]])
    dxx = at[1, 0] - 2 * at[0, 0] + at[-1, 0]
    dyy = at[0, 1] - 2 * at[0, 0] + at[0, -1]
    dxy = at[1, 1] - at[1, 0] - at[0, 1] + 2 * at[0, 0] - at[-1, 0] - at[0, -1] + at[-1, -1]
    hessian = np.array([[dxx, 0.5 * dxy], [0.5 * dxy, dyy]])
    hessian += np.finfo(np.float32).eps * np.eye(2)
    return np.array([x, y]) - np.linalg.solve(hessian, gradient), score


def decode_combined(maps, size, radius, offset_size=None):
    """Argmax of the blurred score map plus the blurred offsets there."""
    score = cv2.GaussianBlur(maps[0], (2 * size + 1, 2 * size + 1), 0)
    x, y, value = peak(score)
    kernel = (offset_size or size,) * 2
    offsets = [cv2.GaussianBlur(offset, kernel, 0)[y, x] for offset in maps[1:]]
    return np.array([x, y]) + radius * np.array(offsets), value


def decode_megvii(heatmap, size):
    """Quarter-step reading of the blurred map plus half a cell, and the scaled score."""
    point, score, moved = decode_quarter(blur_keeping_max(heatmap, size))
    return point + (0.5 if moved else 0), score / 255 + 0.5
