"""The heatmap head of ViTPose: transposed convolutions, or bilinear upsampling."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.codecs import Codec
from mmpose.codecs.peaks import find_peaks
from mmpose.models.heads.base import PoseHead
from mmpose.models.losses import KeypointMSELoss
from mmpose.registry import CODECS, MODELS

# Kernel of a transposed convolution -> (padding, output padding) that double the size exactly.
DECONV_PADDING = {2: (0, 0), 3: (1, 1), 4: (1, 0)}
FINAL_LAYER = {'kernel_size': 1}
# Published initialisation of all convolutions (Xiao et al., ECCV 2018).
INIT_STD = 0.001


@MODELS.register_module()
class HeatmapHead(PoseHead):
    """Predicts heatmaps from the last feature map (Xu et al., NeurIPS 2022, section 3.1).

    The classic decoder doubles the size once per entry of ``deconv_out_channels``. The simple
    decoder has none: ``deconv_out_channels=(), deconv_kernel_sizes=(), upsample=4,
    final_layer=dict(kernel_size=3)``.

    The layers compute channels last, the layout of tokens and the faster one on GPUs and CPUs. The
    weights keep the common layout, so that optimizers, FSDP and checkpoints see nothing of it.

    Attributes:
        decoder: Codec that draws the targets and reads the predictions.
        num_keypoints: K, from ``out_channels`` and the codec.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        decoder: Codec | dict[str, Any],
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        upsample: int = 1,
        final_layer: Mapping[str, int] | None = FINAL_LAYER,
        loss: nn.Module | dict[str, Any] | None = None,
    ) -> None:
        """Builds the layers and draws their weights.

        Args:
            in_channels: Channels of the features.
            out_channels: C, channels of the heatmaps: the number of keypoints times the codec's
                channels per keypoint.
            decoder: A codec or its config.
            deconv_out_channels: Channels behind each transposed convolution; none without them.
            deconv_kernel_sizes: Kernel of each transposed convolution: 2, 3 or 4.
            conv_out_channels: Channels behind each convolution that follows; none without them.
            conv_kernel_sizes: Kernel of each of these: odd numbers.
            upsample: Factor by which the features are enlarged first.
            final_layer: ``kernel_size`` of the last convolution, 1 or 3; its padding keeps the
                size. None has no last convolution.
            loss: A loss or its config; None takes KeypointMSELoss.

        Raises:
            ValueError: If an argument is out of range or does not fit another one.
        """
        super().__init__()
        self.in_channels = in_channels
        self.decoder: Codec = CODECS.build(decoder) if isinstance(decoder, dict) else decoder
        self.num_keypoints = _count_keypoints(out_channels, self.decoder)
        if upsample < 1:
            raise ValueError(f'head.upsample is {upsample}; expected 1 or more')
        self.upsample = upsample
        widths, kernels = deconv_out_channels or (), deconv_kernel_sizes or ()
        self.deconv_layers = self._make_deconv_layers(in_channels, widths, kernels)
        width = [in_channels, *widths][-1]
        convs = conv_out_channels or ()
        self.conv_layers = _make_conv_layers(width, convs, conv_kernel_sizes or ())
        self.final_layer = _make_final_layer([width, *convs][-1], out_channels, final_layer)
        loss = loss or {'type': 'KeypointMSELoss', 'use_target_weight': True}
        self.loss_module: nn.Module = loss if isinstance(loss, nn.Module) else MODELS.build(loss)
        self.keypoint_weights: Tensor | None
        self.register_buffer('keypoint_weights', None, persistent=False)
        self._init_weights()

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the crops, px."""
        return self.decoder.input_size

    @property
    def use_udp(self) -> bool:
        """Whether the crops have to be UDP crops."""
        return self.decoder.use_udp

    @property
    def uses_target_weight(self) -> bool:
        """Whether the loss leaves out invisible keypoints."""
        return getattr(self.loss_module, 'use_target_weight', True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if 'forward' in vars(cls) and cls.__module__.partition('.')[0] != 'mmpose':
            cls.takes_maps = True  # it begins with feats[-1], as MMPose 1.x teaches

    def forward(self, feats: Tensor | Sequence[Tensor]) -> Tensor:
        """Returns heatmaps (B, C, H, W), stored map by map.

        Args:
            feats: (B, in_channels, H', W'), or several, of which the last counts.

        Raises:
            ValueError: If the heatmaps do not have the size that the codec expects.
        """
        feats = self._chosen(feats)
        if self.upsample > 1:
            feats = F.interpolate(
                F.relu(feats), scale_factor=self.upsample, mode='bilinear', align_corners=False
            )
        heatmaps = self.final_layer(self.conv_layers(self.deconv_layers(feats))).contiguous()
        size_wh = (heatmaps.shape[3], heatmaps.shape[2])
        if size_wh != self.decoder.heatmap_size:
            raise ValueError(
                f'head produces heatmaps of (width, height) {size_wh} but the codec expects '
                f'{self.decoder.heatmap_size}; set codec.heatmap_size, or codec.input_size '
                'together with the crop and the backbone'
            )
        return heatmaps

    def _chosen(self, feats: Tensor | Sequence[Tensor]) -> Any:
        """Returns what the layers read of the features, channels last: the last map of several."""
        feats = feats if isinstance(feats, Tensor) else feats[-1]
        return feats.contiguous(memory_format=torch.channels_last)

    def loss(
        self,
        feats: Tensor,
        keypoints: Tensor,
        keypoints_visible: Tensor,
        teacher_heatmaps: Tensor | None = None,
        teacher_weights: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Returns training loss and accuracy; targets are drawn on the device of the features.

        Args:
            feats: (B, in_channels, H', W').
            keypoints: (B, K, 2), input px.
            keypoints_visible: (B, K).
            teacher_heatmaps: (B, K, H, W). Further targets, of a teacher.
            teacher_weights: (B, K). Of these.

        Returns:
            loss_heatmap: Scalar to be minimised.
            acc_pose: Scalar, see `heatmap_accuracy`; for watching only.
            loss_teacher: Scalar to be minimised; with ``teacher_heatmaps`` only.

        Raises:
            ValueError: If K is not that of the head.
        """
        if keypoints.shape[1] != self.num_keypoints:
            raise ValueError(
                f'head has {self.num_keypoints} keypoints but the batch has {keypoints.shape[1]}; '
                f'set head.out_channels={self.decoder.num_channels(keypoints.shape[1])}'
            )
        heatmaps = self(feats)
        with torch.no_grad():
            targets, weights = self.decoder.encode(keypoints, keypoints_visible)
        if self.keypoint_weights is not None:
            weights = weights * self.keypoint_weights
        step = self.decoder.num_channels(1)  # score maps come first in each keypoint's group
        accuracy = heatmap_accuracy(heatmaps.detach()[:, ::step], targets[:, ::step], weights)
        loss = self.loss_module(heatmaps, targets, weights)
        losses = {'loss_heatmap': loss, 'acc_pose': accuracy}
        if teacher_heatmaps is not None:
            losses['loss_teacher'] = KeypointMSELoss()(heatmaps, teacher_heatmaps, teacher_weights)
        return losses

    def decode(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keypoints (B, K, 2), input px, and scores (B, K) of heatmaps (B, C, H, W)."""
        return self.decoder.decode(output)

    def average_flipped(self, output: Tensor, flipped: Tensor, flip_indices: Tensor) -> Tensor:
        """Returns the mean of heatmaps (B, C, H, W) and those of the mirror images."""
        return (output + self.decoder.unflip(flipped, flip_indices)) / 2

    def draw_targets(self, keypoints: Tensor, keypoints_visible: Tensor) -> Tensor:
        """Returns target heatmaps (B, K, H, W), without offset maps."""
        targets, _ = self.decoder.encode(keypoints, keypoints_visible)
        return targets[:, :: self.decoder.num_channels(1)]

    def heatmaps(self, output: Tensor) -> Tensor:
        """Returns the heatmaps (B, C, H, W) in float32."""
        return output.float()

    def set_input_size(self, input_size: tuple[int, int]) -> None:
        """Expects crops of another size in px, whose heatmaps grow along."""
        codec = self.decoder
        sizes = zip(input_size, codec.heatmap_size, codec.input_size, strict=True)
        codec.heatmap_size = tuple(size * cells // own for size, cells, own in sizes)
        codec.input_size = tuple(input_size)

    def set_flip_options(self, options: Mapping[str, Any]) -> None:
        """Applies ``flip_mode`` and ``shift_heatmap`` of ``model.test_cfg`` to the decoder."""
        self.decoder.set_flip_options(**options)

    def weight_keypoints(self, weights: Tensor) -> None:
        """Multiplies the loss of each keypoint by its weight (K,) as the weights of targets do."""
        self.keypoint_weights = weights

    def size_option(self, num_keypoints: int) -> str:
        """Returns ``out_channels`` for a number of keypoints."""
        return f'out_channels={self.decoder.num_channels(num_keypoints)}'

    def _make_deconv_layers(
        self, in_channels: int, channels: Sequence[int], kernels: Sequence[int]
    ) -> nn.Module:
        """Transposed convolution, batch norm and ReLU per entry; each doubles the size."""
        layers: list[nn.Module] = []
        for width, (kernel, padding, output_padding) in deconv_sizes(channels, kernels):
            layers += [
                nn.ConvTranspose2d(
                    in_channels, width, kernel, 2, padding, output_padding, bias=False
                ),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            in_channels = width
        return nn.Sequential(*layers)

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=INIT_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def _make_conv_layers(
    in_channels: int, channels: Sequence[int], kernels: Sequence[int]
) -> nn.Module:
    """Convolution, batch norm and ReLU per entry; each keeps the size."""
    if len(channels) != len(kernels) or not all(kernel % 2 for kernel in kernels):
        raise ValueError(
            f'head.conv_out_channels is {tuple(channels)} but head.conv_kernel_sizes '
            f'{tuple(kernels)}; expected an odd kernel for each'
        )
    layers: list[nn.Module] = []
    for width, kernel in zip(channels, kernels, strict=True):
        convolution = nn.Conv2d(in_channels, width, kernel, padding=kernel // 2)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        in_channels = width
    return nn.Sequential(*layers)


def _make_final_layer(
    in_channels: int, out_channels: int, options: Mapping[str, int] | None
) -> nn.Module:
    if options is None:
        if in_channels != out_channels:
            raise ValueError(
                f'head.final_layer is None, but {in_channels} channels are no {out_channels} '
                'heatmaps; set head.final_layer=dict(kernel_size=1)'
            )
        return nn.Identity()
    kernel = options.get('kernel_size', 1)
    expected = {'kernel_size': kernel, 'padding': kernel // 2}
    if kernel not in (1, 3) or {**expected, **options} != expected:
        raise ValueError(
            f'head.final_layer is {dict(options)}; expected dict(kernel_size=1), '
            'dict(kernel_size=3, padding=1) or None'
        )
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)


def _count_keypoints(out_channels: int, codec: Codec) -> int:
    """K with codec.num_channels(K) == out_channels."""
    num_keypoints = out_channels // codec.num_channels(1)
    if num_keypoints < 1 or codec.num_channels(num_keypoints) != out_channels:
        raise ValueError(
            f'head.out_channels is {out_channels} but {type(codec).__name__} draws '
            f'{codec.num_channels(1)} channel(s) per keypoint; set head.out_channels to '
            f'{codec.num_channels(1)} times the number of keypoints'
        )
    return num_keypoints


def deconv_sizes(
    channels: Sequence[int], kernels: Sequence[int]
) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Yields channels and (kernel, padding, output padding) of layers that double the size.

    Raises:
        ValueError: If the two differ in length, or a kernel cannot double the size.
    """
    if len(channels) != len(kernels):
        raise ValueError(
            f'head.deconv_out_channels has {len(channels)} entries but '
            f'head.deconv_kernel_sizes has {len(kernels)}; expected one kernel per layer'
        )
    for width, kernel in zip(channels, kernels, strict=True):
        if kernel not in DECONV_PADDING:
            raise ValueError(f'head.deconv_kernel_sizes has {kernel}; expected 2, 3 or 4')
        yield width, (kernel, *DECONV_PADDING[kernel])


@torch.no_grad()
def heatmap_accuracy(
    output: Tensor, target: Tensor, weights: Tensor, threshold: float = 0.05
) -> Tensor:
    """Training accuracy: share of instances whose highest cell is near the target's, mean over K.

    The distance of two cells is taken as a fraction of the width along x and of the height along
    y. (The published training code divides x by the height and y by the width, so its metrics
    differ slightly; this one only serves to watch a training run.)

    Args:
        output: (B, K, H, W). Predicted score maps; one without a positive value lies at (-1, -1).
        target: (B, K, H, W). Drawn score maps.
        weights: (B, K). Keypoints above 0 count.
        threshold: Largest distance of a correct keypoint.

    Returns:
        Scalar float32; keypoints that no instance shows are left out, and 0 if none shows any.
    """
    found, score = find_peaks(output)
    found = torch.where((score > 0)[..., None], found, -1)
    drawn, _ = find_peaks(target)
    height, width = output.shape[-2:]
    x, y = (found - drawn).float().unbind(-1)
    correct = (x / width).square() + (y / height).square() < threshold**2
    valid = weights > 0
    num_valid = valid.sum(0)  # (B, K) -> (K,)
    fraction = (correct & valid).sum(0) / num_valid.clamp(min=1)
    return fraction.sum() / (num_valid > 0).sum().clamp(min=1)
