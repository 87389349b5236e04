"""Blurring equals OpenCV's; finding peaks equals numpy's."""

import cv2
import numpy as np
import pytest
import torch

from mmpose.codecs.gaussian import blur, blur_at, gaussian_taps, take_patch
from mmpose.codecs.peaks import find_peaks, newton_step

SIZES = [1, 3, 5, 7, 9, 11, 17, 23]


@pytest.mark.parametrize('size', SIZES)
def test_taps_are_opencvs(size):
    np.testing.assert_allclose(
        gaussian_taps(size), cv2.getGaussianKernel(size, 0, cv2.CV_64F)[:, 0], atol=1e-12
    )


def opencv_blur(heatmap, size, border):
    margin = size // 2 if border == 'zero' else 0
    blurred = cv2.GaussianBlur(np.pad(heatmap.astype(np.float64), margin), (size, size), 0)
    return blurred[margin : blurred.shape[0] - margin, margin : blurred.shape[1] - margin]


@pytest.mark.parametrize('border', ['reflect', 'zero'])
@pytest.mark.parametrize('size', SIZES)
def test_blur_is_opencvs(size, border):
    maps = np.random.default_rng(size).standard_normal((1, 3, 30, 24)).astype(np.float32)
    expected = np.stack([opencv_blur(heatmap, size, border) for heatmap in maps[0]])
    found = blur(torch.from_numpy(maps), size, border)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize('border', ['reflect', 'zero'])
@pytest.mark.parametrize('cell', [(0, 0), (23, 29), (0, 15), (11, 29), (12, 15), (1, 28)])
def test_local_blur_is_part_of_the_whole(cell, border):
    maps = torch.rand(2, 3, 30, 24, generator=torch.manual_seed(0))
    reach = 2
    near = blur_at(maps, torch.tensor(cell).expand(2, 3, 2), 11, reach, border)
    x, y = cell
    whole = blur(maps, 11, border)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if 0 <= x + dx < 24 and 0 <= y + dy < 30:
                assert torch.allclose(
                    near[..., dy + reach, dx + reach], whole[..., y + dy, x + dx], atol=1e-6
                )


@pytest.mark.parametrize(('border', 'mode'), [('reflect', 'reflect'), ('zero', 'constant')])
def test_patch_is_a_cut_of_the_padded_map(border, mode):
    maps = torch.rand(1, 1, 9, 7, generator=torch.manual_seed(0))
    padded = np.pad(maps[0, 0].numpy(), 3, mode=mode)
    for y in range(9):
        for x in range(7):
            patch = take_patch(maps, torch.tensor([[[x, y]]]), 3, border)
            np.testing.assert_array_equal(patch[0, 0], padded[y : y + 7, x : x + 7])


@pytest.mark.parametrize('shape', [(64, 48), (63, 47), (1, 5), (2, 2)])
def test_peak_is_the_first_maximum(shape):
    generator = torch.manual_seed(0)
    maps = torch.randint(0, 6, (4, 5, *shape), generator=generator).float()  # many equal maxima
    cells, values = find_peaks(maps)
    index = maps.flatten(2).numpy().argmax(-1)
    np.testing.assert_array_equal(cells[..., 0], index % shape[1])
    np.testing.assert_array_equal(cells[..., 1], index // shape[1])
    np.testing.assert_array_equal(values, maps.amax((2, 3)))


@pytest.mark.parametrize('damping', [0.0, 0.5])
def test_newton_step_solves_the_system(damping):
    generator = np.random.default_rng(0)
    for _ in range(20):
        dx, dy, dxx, dxy, dyy = generator.standard_normal(5)
        matrix = np.array([[dxx, dxy], [dxy, dyy]]) + damping * np.eye(2)
        if abs(np.linalg.det(matrix)) < 0.1:
            continue
        found = newton_step(
            (torch.tensor(dx), torch.tensor(dy)),
            (torch.tensor(dxx), torch.tensor(dxy), torch.tensor(dyy)),
            damping,
        )
        np.testing.assert_allclose(found, -np.linalg.solve(matrix, [dx, dy]), rtol=1e-9)


def test_newton_step_stays_where_it_is_flat():
    zero = torch.zeros(2)
    step = newton_step((torch.ones(2), torch.ones(2)), (zero, zero, zero))
    assert torch.equal(step, torch.zeros(2, 2))
