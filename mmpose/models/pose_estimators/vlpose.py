"""VLPose: a top-down estimator that reads in a sentence what kind of picture it sees."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmpose.models.backbones import vit_prompt
from mmpose.models.language.prompts import load_prompts
from mmpose.models.pose_estimators.base import Batch, Config
from mmpose.models.pose_estimators.topdown import TopdownPoseEstimator
from mmpose.registry import MODELS

PLAIN_HEAD_OPTIONS = ('freeze_main_branch', 'freeze_final_layer')


@MODELS.register_module()
class VLPoseEstimator(TopdownPoseEstimator):
    """Reads a sentence per image, such as 'a photo of a cartoon character' (arXiv 2402.14456).

    The folder of an image chooses its sentence. A frozen text encoder turns it into features, the
    matcher lets the image's tokens attend to them, and a head with two branches mixes both.
    Images without a file name, as in a benchmark, get the fallback sentence.

    Args:
        backbone: Config of a ``ViTPrompt``, or of a ``ViT`` where everything is trained.
        head: Config of a ``TwoBranchHead``.
        text_encoder: Config of a text encoder. It is frozen.
        matcher: Config of a matcher, but for its ``embed_dim``, which is the backbone's.
        prompts: Sentences: ``humanart``, a ``.yaml`` file, or a dict; see ``load_prompts``.
        language: False builds the plain ViTPose model in the middle of this one: no prompt tokens,
            no text, no matcher, and the main branch as the only one. It loads the files of both.
        attend_padding: Whether image tokens attend to what fills up short sentences, as published.
            The result then depends on the other sentences in the batch.
        kwargs: Arguments of ``TopdownPoseEstimator``. ``pretrained`` may be a backbone, a ViTPose
            or a VLPose model; all that it has in common with the model is loaded, its head
            included.

    Attributes:
        language: As given.
        trained_with_language: Parts of the ViTPose model inside that learn with the language.

    Raises:
        ValueError: If the prompts do not fit the text encoder.
    """

    def __init__(
        self,
        backbone: Config,
        head: Config,
        text_encoder: Config,
        matcher: Config,
        prompts: str | Path | Mapping[str, str] = 'humanart',
        language: bool = True,
        attend_padding: bool = False,
        **kwargs: Any,
    ) -> None:
        self.trained_with_language = _trained_with_language(backbone, head)
        if not language:
            backbone, head = vit_prompt.plain_config(backbone), _plain_head(head)
        super().__init__(backbone, head, **kwargs)
        self.language = language
        self.attend_padding = attend_padding
        self._random_parts: tuple[str, ...] = ()
        if language:
            self._build_language(text_encoder, matcher, prompts)
        self.register_load_state_dict_post_hook(_note_weights)

    def _build_language(
        self, text_encoder: Config, matcher: Config, prompts: str | Path | Mapping[str, str]
    ) -> None:
        width = self.backbone.out_channels
        self.prompts = load_prompts(prompts)
        self.text_encoder = MODELS.build(text_encoder)
        self._num_tokens = torch.tensor(
            [len(ids) for ids in self.text_encoder.tokenize(self.prompts.sentences)], device='cpu'
        )
        is_same = self.text_encoder.out_channels == width
        self.text_embed_proj = (
            nn.Identity() if is_same else nn.Linear(self.text_encoder.out_channels, width)
        )
        self.matcher = MODELS.build({**matcher, 'embed_dim': width})

    @staticmethod
    def plain_config(config: Config) -> Config:
        """Returns the config of the same estimator without language."""
        return {**config, 'language': False}

    def condition_of(self, batch: Batch) -> Tensor | None:
        """Returns the number of each image's sentence, (B,) int64 on the CPU, or None."""
        if not self.language:
            return super().condition_of(batch)
        if 'image_file' not in batch:
            return None
        return torch.tensor(self.prompts.numbers_of(batch['image_file']))

    def extract_feat(
        self, inputs: Tensor, sentence: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Returns the features of the image, and those that have read the sentence; (B, C, H', W').

        Args:
            inputs: (B, 3, h, w), normalised.
            sentence: (B,) int64 on the CPU, places in ``prompts.sentences``; None takes the
                fallback.
        """
        if not self.language:
            return super().extract_feat(inputs, sentence)
        features = super().extract_feat(inputs)
        if sentence is None:
            sentence = torch.zeros(len(inputs), dtype=torch.int64, device='cpu')
        return features, self.matcher(features, *self.read(sentence))

    def read(self, sentence: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the features of sentences, and which of them to attend to.

        Args:
            sentence: (B,) int64 on the CPU, places in ``prompts.sentences``.

        Returns:
            (B, L, C) and (B, L) bool, or None for all. L is that of the longest sentence of the
            table, so that nothing depends on the batch; with ``attend_padding`` of the batch.
        """
        features, is_word = self.text_encoder(self.prompts.sentences)
        longest = features.shape[1]
        if self.attend_padding:
            longest = int(self._num_tokens[sentence].max())
        rows = sentence.to(features.device, non_blocking=True)
        words = self.text_embed_proj(features[:, :longest])[rows]  # (N, L, D) -> (B, L, C)
        return words, None if self.attend_padding else is_word[rows]

    def loss(self, inputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns the losses of the head."""
        self._warn_of_random_parts()
        return super().loss(inputs, batch)

    def init_weights(self) -> None:
        """Initialises what starts at random, and loads ``pretrained`` and that of the text."""
        super().init_weights()
        loaded = set(self.loaded_parts)
        if self.language and self.text_encoder.pretrained is not None:
            self.text_encoder.init_weights(self.trust_checkpoint)
            loaded.add('text_encoder')
        frozen = ['text_encoder'] if self.language else []
        frozen += ['head'] if getattr(self.head, 'freeze_main_branch', False) else []
        self._random_parts = tuple(name for name in frozen if name not in loaded)

    def _warn_of_random_parts(self) -> None:
        """Warns once if frozen parts have kept their random initialisation."""
        if not (self._random_parts and self.training):
            return
        print_log(
            f'frozen parts stay as drawn at random: {", ".join(self._random_parts)}; set '
            'model.pretrained to a ViTPose or VLPose file, and model.text_encoder.pretrained to '
            "BLIP's model_base_capfilt_large.pth",
            logger='current',
            level=logging.WARNING,
        )
        self._random_parts = ()


def _note_weights(model: VLPoseEstimator, _: object) -> None:
    model._random_parts = ()


def _plain_head(head: Config) -> Config:
    plain = {key: value for key, value in head.items() if key not in PLAIN_HEAD_OPTIONS}
    return {**plain, 'type': 'HeatmapHead'}


def _trained_with_language(backbone: Config, head: Config) -> tuple[str, ...]:
    """Returns the parts of the original model that learn together with the language."""
    is_kept = backbone.get('tuning') in vit_prompt.PROMPT_MODES
    trained = [] if is_kept else ['the backbone']
    trained += [] if head.get('freeze_main_branch') else ['the main branch of the head']
    trained += [] if head.get('freeze_final_layer') else ['head.final_layer']
    return tuple(trained)
