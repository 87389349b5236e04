"""Equal heatmaps from Hugging Face's VitPose and from our model with its weights."""

import pytest
import torch
from torch import nn

from mmpose.checkpoints import load_model
from mmpose.models.backbones import ViT
from mmpose.models.heads import HeatmapHead

transformers = pytest.importorskip('transformers', reason='transformers is not installed')

SIZES = {
    'tiny': dict(embed_dim=48, depth=3, num_heads=4),
    'small': dict(embed_dim=384, depth=12, num_heads=12),
    'base': dict(embed_dim=768, depth=12, num_heads=12),
}
CASES = [
    ('tiny', (256, 192), True),
    ('tiny', (256, 192), False),
    ('tiny', (384, 288), False),
    ('small', (256, 192), False),
    ('base', (256, 192), True),
]


def make_theirs(sizes, img_size, is_simple):
    """A VitPose with every weight drawn, so that nothing is hidden by zeros and ones."""
    backbone = transformers.VitPoseBackboneConfig(
        image_size=list(img_size),
        hidden_size=sizes['embed_dim'],
        num_hidden_layers=sizes['depth'],
        num_attention_heads=sizes['num_heads'],
        layer_norm_eps=1e-6,
    )
    config = transformers.VitPoseConfig(
        backbone_config=backbone, num_labels=17, use_simple_decoder=is_simple
    )
    model = transformers.VitPoseForPoseEstimation(config).eval()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith('running_var'):
            tensor.copy_(1 + noise.abs())
        elif tensor.is_floating_point():
            is_scale = 'norm' in name and name.endswith('weight')
            tensor.copy_(is_scale + 0.03 * noise)
    return model


class Pose(nn.Module):
    """Our backbone and head."""

    def __init__(self, sizes, img_size, is_simple):
        super().__init__()
        height, width = img_size
        classic = dict(deconv_out_channels=(256, 256), deconv_kernel_sizes=(4, 4))
        simple = dict(
            deconv_out_channels=(),
            deconv_kernel_sizes=(),
            upsample=4,
            final_layer=dict(kernel_size=3),
        )
        self.backbone = ViT(img_size=img_size, **sizes)
        self.head = HeatmapHead(
            in_channels=sizes['embed_dim'],
            out_channels=17,
            decoder=dict(
                type='UDPHeatmap',
                input_size=(width, height),
                heatmap_size=(width // 4, height // 4),
            ),
            **(simple if is_simple else classic),
        )

    def forward(self, images):
        return self.head(self.backbone(images))


@pytest.mark.parametrize(('size', 'img_size', 'is_simple'), CASES)
def test_heatmaps_are_equal(size, img_size, is_simple, tmp_path):
    theirs = make_theirs(SIZES[size], img_size, is_simple)
    path = tmp_path / 'vitpose.pth'
    torch.save(theirs.state_dict(), path)
    ours = Pose(SIZES[size], img_size, is_simple).eval()

    report = load_model(ours, path)
    images = torch.randn(1, 3, *img_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(images).heatmaps
        output = ours(images)

    assert report.format == 'huggingface'
    assert (report.missing, report.dropped) == ((), {})
    assert expected.std() > 0.05  # far above the tolerance
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


def test_model_with_experts_is_refused(tmp_path):
    backbone = transformers.VitPoseBackboneConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_experts=2, part_features=4
    )
    config = transformers.VitPoseConfig(backbone_config=backbone, num_labels=17)
    path = tmp_path / 'vitpose.pth'
    torch.save(transformers.VitPoseForPoseEstimation(config).state_dict(), path)

    with pytest.raises(ValueError, match=r'is a ViTPose\+ model with one expert per dataset'):
        load_model(Pose(dict(embed_dim=16, depth=1, num_heads=2), (256, 192), True), path)
