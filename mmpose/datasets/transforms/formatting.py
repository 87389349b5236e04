"""Last steps of MMPose's pipelines, GenerateTarget and PackPoseInputs, which have no work here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmpose.datasets.sample import Sample
from mmpose.registry import CODECS, TRANSFORMS


@TRANSFORMS.register_module()
class GenerateTarget:
    """Names the codec of the targets; the head draws them on the device, so nothing is done here.

    The check of a config compares ``encoder`` with the decoder of the head.

    Args:
        encoder: Config of the codec.
        target_type: Of MMPose before 1.0; not read there either.
        multilevel: True is not supported.
        use_dataset_keypoint_weights: True is an argument of the model here.

    Raises:
        ValueError: For what would change the targets.
    """

    reads = writes = ()

    def __init__(
        self,
        encoder: Mapping[str, Any],
        target_type: str | None = None,
        multilevel: bool = False,
        use_dataset_keypoint_weights: bool = False,
    ) -> None:
        if multilevel or use_dataset_keypoint_weights:
            raise ValueError(
                f'GenerateTarget: multilevel is {multilevel} and use_dataset_keypoint_weights '
                f'{use_dataset_keypoint_weights}; neither is supported here, set both to False: '
                'model.use_dataset_keypoint_weights=True stands for the latter'
            )
        self.encoder = CODECS.build(dict(encoder))

    def __call__(self, sample: Sample) -> Sample:
        return sample


@TRANSFORMS.register_module()
class PackPoseInputs:
    """Ends a pipeline of MMPose; the collate function of the loader packs, so nothing is done here.

    Args:
        meta_keys: Keys that MMPose packs; every key that a model reads is packed anyway.
        pack_transformed: Keypoints of the crop are packed anyway.
    """

    reads = writes = ()

    def __init__(self, meta_keys: Sequence[str] = (), pack_transformed: bool = False) -> None:
        self.meta_keys = tuple(meta_keys)
        self.pack_transformed = pack_transformed

    def __call__(self, sample: Sample) -> Sample:
        return sample
