"""Interface of pose heads: what estimators, backends, previews and tools ask of a head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import signature
from typing import Any

from torch import Tensor, nn

from mmpose.codecs import Codec


class PoseHead(nn.Module, ABC):
    """Turns features into keypoints of a crop; a subclass says by way of what.

    The call returns the raw output of a batch: heatmaps (B, C, H, W) of a heatmap head, any other
    tensor of another one. :meth:`decode` reads keypoints off it.

    Attributes:
        in_channels: Channels of the features.
        num_keypoints: K.
        input_size: Width and height of the crops, px.
        use_udp: Whether the crops have to be UDP crops, see ``mmpose.codecs.Codec``.
        decoder: Codec of a head whose output are heatmaps; None for any other head, which can be
            neither drawn as heatmaps nor exported.
        uses_target_weight: Whether the loss leaves out invisible keypoints.
        takes_maps: Whether the head is given a tuple of all feature maps, as in MMPose 1.x; else
            it is given the last one alone.
    """

    in_channels: int
    num_keypoints: int
    input_size: tuple[int, int]
    use_udp: bool = False
    decoder: Codec | None = None
    uses_target_weight: bool = True
    takes_maps: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        predict = vars(cls).get('predict')
        if predict is not None and 'batch_data_samples' in signature(predict).parameters:
            raise TypeError(
                f'{cls.__name__}.predict takes batch_data_samples, but there are none here; what '
                'it does to heatmaps belongs into decode(self, output), which returns keypoints '
                '(B, K, 2) in input px and scores (B, K)'
            )

    @abstractmethod
    def forward(self, feats: Any) -> Tensor:
        """Returns the raw output of features (B, in_channels, H', W')."""

    @abstractmethod
    def loss(self, feats: Any, keypoints: Tensor, keypoints_visible: Tensor) -> dict[str, Tensor]:
        """Returns training losses, whose names hold 'loss', and metrics to watch.

        A head of a top-down estimator may have further parameters: the names of keys that a
        transform has put into the samples, which come stacked.

        Args:
            feats: (B, in_channels, H', W').
            keypoints: (B, K, 2), input px.
            keypoints_visible: (B, K).
        """

    @abstractmethod
    def decode(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keypoints (B, K, 2), input px, and scores (B, K) of a raw output."""

    @abstractmethod
    def average_flipped(self, output: Tensor, flipped: Tensor, flip_indices: Tensor) -> Tensor:
        """Returns the mean of the raw outputs of crops and of their mirror images (flip test).

        Args:
            output: Raw output of the crops.
            flipped: Raw output of their mirror images.
            flip_indices: (K,) int64 on the same device. Left-right partner of every keypoint.
        """

    def predict(
        self, feats: Any, flipped_feats: Any = None, flip_indices: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns keypoints (B, K, 2), input px, and scores (B, K).

        Args:
            feats: (B, in_channels, H', W').
            flipped_feats: Those of the mirror images for a flip test; needs ``flip_indices``.
            flip_indices: (K,) int64. Left-right partner of every keypoint.
        """
        output = self(feats)
        if flipped_feats is not None:
            output = self.average_flipped(output, self(flipped_feats), flip_indices)
        return self.decode(output)

    def draw_targets(self, keypoints: Tensor, keypoints_visible: Tensor) -> Tensor | None:
        """Returns target heatmaps (B, K, H, W) for pictures; None of a head without heatmaps.

        Args:
            keypoints: (B, K, 2), input px.
            keypoints_visible: (B, K).
        """
        return None

    def heatmaps(self, output: Tensor) -> Tensor | None:
        """Returns the float32 heatmaps (B, C, H, W) of a raw output; None without heatmaps."""
        return None

    def set_input_size(self, input_size: tuple[int, int]) -> None:
        """Expects crops of another size, (width, height) in px."""
        self.input_size = input_size

    def weight_keypoints(self, weights: Tensor) -> None:
        """Gives each keypoint a weight (K,) in the loss.

        Raises:
            ValueError: If the loss has no weights.
        """
        raise ValueError(
            f'{type(self).__name__} has no weights of keypoints; set '
            'model.use_dataset_keypoint_weights=False'
        )

    def set_flip_options(self, options: Mapping[str, Any]) -> None:
        """Applies ``flip_mode`` and ``shift_heatmap`` of ``model.test_cfg``.

        Args:
            options: Those of the two that are given.

        Raises:
            ValueError: If the head has no such option, or another value of it.
        """
        if options:
            raise ValueError(
                f'model.test_cfg has {dict(options)}, but {type(self).__name__} predicts no '
                'heatmaps; remove it'
            )

    def size_option(self, num_keypoints: int) -> str:
        """Returns the argument of the head for a number of keypoints, as a config writes it."""
        return f'num_keypoints={num_keypoints}'
