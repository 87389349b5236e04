"""Equal features from timm's ViT and from our backbone with its weights."""

import pytest
import torch
from torch import nn

from mmpose.checkpoints import load_backbone
from mmpose.models.backbones import ViT

timm = pytest.importorskip('timm', reason='timm is not installed')


def make_theirs(name, img_size):
    """A timm ViT without class token, every weight drawn anew."""
    model = timm.create_model(name, img_size=img_size, class_token=False, global_pool='avg')
    torch.manual_seed(0)
    for parameter in model.parameters():
        noise = 0.03 * torch.randn_like(parameter)
        is_scale = parameter.ndim == 1 and bool((parameter.data == 1).all())
        parameter.data = is_scale + noise
    return model.eval()


def padded_as_ours(images, padding=2):
    """Images whose unpadded patches are the padded patches of ``images``."""
    return nn.functional.pad(images, (padding, -padding, padding, -padding))


@pytest.mark.parametrize(
    ('name', 'num_heads'), [('vit_tiny_patch16_224', 3), ('vit_small_patch16_224', 6)]
)
def test_features_of_a_vit_are_equal(name, num_heads, tmp_path):
    theirs = make_theirs(name, (64, 64))
    theirs.fc_norm = nn.Identity()  # compare what comes out of the last block
    path = tmp_path / 'timm.pth'
    torch.save(theirs.state_dict(), path)
    ours = ViT(
        img_size=(64, 64), embed_dim=theirs.embed_dim, num_heads=num_heads, last_norm=False
    ).eval()

    report = load_backbone(ours, path)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs.forward_features(padded_as_ours(images))
        output = ours(images).flatten(2).transpose(1, 2)  # (B, D, H, W) -> (B, T, D)

    assert report.format == 'mae'
    assert expected.std() > 0.5  # far above the tolerance
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


def test_features_of_dinov2_are_equal(tmp_path):
    """Layer scales folded and patches of 14 padded to 16: the same function of each patch."""
    theirs = make_theirs('vit_small_patch14_dinov2', (70, 70))
    theirs.norm = theirs.fc_norm = nn.Identity()
    for name, parameter in theirs.named_parameters():
        if name.endswith('gamma'):
            parameter.data = torch.randn_like(parameter)
    path = tmp_path / 'dinov2.pth'
    torch.save(theirs.state_dict(), path)
    ours = ViT(img_size=(80, 80), embed_dim=384, num_heads=6, last_norm=False).eval()

    report = load_backbone(ours, path)
    theirs_in = torch.randn(2, 3, 70, 70)
    theirs_in[:, :, 0] = theirs_in[..., 0] = 0  # where our first patches see their own padding
    patches = theirs_in.reshape(2, 3, 5, 14, 5, 14)
    # one pixel around each patch of 14, then everything 2 pixels earlier, as our patches begin
    ours_in = nn.functional.pad(patches, (1, 1, 0, 0, 1, 1)).reshape(2, 3, 80, 80)
    ours_in = nn.functional.pad(ours_in, (-2, 2, -2, 2))
    with torch.no_grad():
        expected = theirs.forward_features(theirs_in)
        output = ours(ours_in).flatten(2).transpose(1, 2)  # (B, D, H, W) -> (B, T, D)

    assert report.format == 'dinov2'
    assert expected.std() > 0.5  # far above the tolerance
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)
