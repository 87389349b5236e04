import pytest
import torch

from mmpose.checkpoints.resize import fit_patch_kernel, resize_pos_embed, source_grid


def numbered(num_rows, dim=4):
    """Position embedding with (4 t + c) / 100 at row t, channel c."""
    return (torch.arange(num_rows * dim).float() / 100).reshape(1, num_rows, dim)


def test_square_grid_to_the_grid_of_256x192():
    """Values of the published loader for 14x14 -> 16x12."""
    pos = numbered(197)
    resized = resize_pos_embed(pos, (16, 12))[0]

    assert resized.shape == (193, 4)
    for token, expected in {0: 0.0194, 100: 4.0988, 191: 7.8606}.items():
        channels = expected + torch.arange(4) / 100
        torch.testing.assert_close(resized[token + 1], channels, rtol=0, atol=6e-5)  # 4 digits
    assert torch.equal(resized[0], pos[0, 0])


@pytest.mark.parametrize(
    ('num_rows', 'target_hw', 'expected'),
    [
        (128, (16, 12), (16, 8)),
        (128, (24, 18), (16, 8)),
        (196, (16, 12), (14, 14)),
        (256, (16, 12), (16, 16)),
        (1369, (16, 12), (37, 37)),
        (192, (24, 18), (16, 12)),
        (432, (16, 12), (24, 18)),
        (192, (12, 16), (12, 16)),
        (192, (16, 16), (16, 12)),
        (8, (16, 8), (4, 2)),
    ],
)
def test_source_grid(num_rows, target_hw, expected):
    assert source_grid(num_rows, target_hw) == expected


@pytest.mark.parametrize('num_rows', [191, 193, 13])
def test_source_grid_that_fits_no_rule(num_rows):
    with pytest.raises(ValueError, match=f'pos_embed has {num_rows} rows, which is neither'):
        source_grid(num_rows, (16, 12))


def test_explicit_grid_wins():
    pos = numbered(129)
    assert not torch.equal(
        resize_pos_embed(pos, (16, 12), source_hw=(8, 16)), resize_pos_embed(pos, (16, 12))
    )
    with pytest.raises(ValueError, match='128 rows after 1 extra, expected 10x10'):
        resize_pos_embed(pos, (16, 12), source_hw=(10, 10))


def test_equal_grid_is_left_alone():
    pos = numbered(193)
    assert resize_pos_embed(pos, (16, 12)) is pos


def test_rows_and_columns_are_not_exchanged():
    """A ramp down the rows stays one, to the 0.05 rows by which PyTorch's bicubic kernel errs."""
    pos = torch.arange(16.0).repeat_interleave(8).reshape(1, 128, 1)
    resized = resize_pos_embed(pos, (32, 12), num_extra=0).reshape(32, 12)

    expected = (torch.arange(6, 26) / 2 - 0.25)[:, None].expand(20, 12)
    torch.testing.assert_close(resized[6:-6], expected, rtol=0, atol=0.05)


@pytest.mark.parametrize('num_extra', [0, 1, 3])
def test_extra_rows_are_kept(num_extra):
    pos = torch.randn(1, num_extra + 16, 2)
    resized = resize_pos_embed(pos, (3, 5), num_extra=num_extra)

    assert resized.shape == (1, num_extra + 15, 2)
    assert torch.equal(resized[:, :num_extra], pos[:, :num_extra])


def test_half_precision_stays():
    assert resize_pos_embed(numbered(197).half(), (16, 12)).dtype == torch.float16


def test_zero_padding_of_the_patch_kernel():
    kernel = torch.randn(2, 3, 14, 14)
    padded = fit_patch_kernel(kernel, (16, 16))

    assert torch.equal(padded[:, :, 1:-1, 1:-1], kernel)
    assert padded.abs().sum() == pytest.approx(kernel.abs().sum().item())
    odd = fit_patch_kernel(kernel, (17, 16))
    assert torch.equal(odd[:, :, 1:15, 1:15], kernel)


def test_interpolated_patch_kernel():
    kernel = torch.ones(2, 3, 14, 14)

    assert torch.allclose(fit_patch_kernel(kernel, (16, 16), 'bicubic'), torch.ones(2, 3, 16, 16))
    with pytest.raises(ValueError, match='cannot shrink a patch kernel of 14x14 to 8x8'):
        fit_patch_kernel(kernel, (8, 8))
