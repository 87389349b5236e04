"""BLIP text encoder, which reads the prompts of VLPose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mmpose.checkpoints.pretrained import load_text_encoder
from mmpose.models.frozen import freeze
from mmpose.models.language.bert_tokenizer import BertTokenizer
from mmpose.models.language.text_cache import TextCache
from mmpose.registry import MODELS

NORM_EPS = 1e-12  # of BERT


@MODELS.register_module()
class BlipTextEncoder(nn.Module):
    """A frozen BERT without pooling (BLIP, Li et al., ICML 2022), run by ``transformers``.

    It is always in eval mode, so that a sentence has one meaning; features are made once. Names of
    the parameters are those in published VLPose files: ``text_encoder.embeddings...``.

    Args:
        embed_dim: D, width of a token.
        depth: Number of layers.
        num_heads: Attention heads per layer.
        mlp_dim: Hidden width of the feed-forward part.
        vocab_size: Rows of the word embedding; BERT's 30522 and two of BLIP.
        max_tokens: Longest sentence, the start and end token included.
        vocab: BERT's ``vocab.txt``; None knows the words that ship with us, see ``BertTokenizer``.
        pretrained: BLIP's ``model_base_capfilt_large.pth``, or a VLPose file; path or URL. Read by
            :meth:`init_weights`, and by the estimator where its checkpoint has no text encoder.

    Raises:
        ImportError: If ``transformers`` is missing.
    """

    def __init__(
        self,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        mlp_dim: int = 3072,
        vocab_size: int = 30524,
        max_tokens: int = 512,
        vocab: str | Path | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.tokenizer = BertTokenizer(vocab)
        if self.tokenizer.size > vocab_size:
            raise ValueError(
                f'{vocab} has {self.tokenizer.size} tokens but the text encoder embeds '
                f"{vocab_size}; take the vocab.txt of 'bert-base-uncased', or set "
                'model.text_encoder.vocab_size'
            )
        self.out_channels = embed_dim
        self.max_tokens = max_tokens
        self.pretrained = pretrained
        self.text_encoder = _build_bert(
            dict(
                hidden_size=embed_dim,
                encoder_hidden_size=embed_dim,
                num_hidden_layers=depth,
                num_attention_heads=num_heads,
                intermediate_size=mlp_dim,
                vocab_size=vocab_size,
                max_position_embeddings=max_tokens,
                layer_norm_eps=NORM_EPS,
            )
        )
        self.cache = TextCache()
        freeze(self)

    def tokenize(self, sentences: Sequence[str]) -> list[list[int]]:
        """Returns the token ids of each sentence.

        Raises:
            ValueError: If a sentence is too long or holds unknown words.
        """
        ids = [self.tokenizer.encode(sentence) for sentence in sentences]
        for sentence, own in zip(sentences, ids, strict=True):
            if len(own) > self.max_tokens:
                raise ValueError(
                    f"the prompt '{sentence[:40]}...' has {len(own)} tokens, but the text encoder "
                    f'takes {self.max_tokens}; shorten it in model.prompts'
                )
        return ids

    def forward(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Returns the features of sentences, and where they are.

        Returns:
            (N, L, D) features of the tokens, start and end included; sentences shorter than the
            longest are filled up.
            (N, L) bool, False where a sentence is filled up.
        """
        with torch.no_grad():
            features, is_word = self.cache.get(tuple(sentences), lambda: self._compute(sentences))
        return features, is_word

    def _compute(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        ids = self.tokenize(sentences)
        longest = max(map(len, ids))
        filled = [own + [self.tokenizer.pad_id] * (longest - len(own)) for own in ids]
        device = next(self.text_encoder.parameters()).device
        tokens = torch.tensor(filled, device=device)
        is_word = torch.tensor(
            [[i < len(own) for i in range(longest)] for own in ids], device=device
        )
        if device.type == 'meta':  # transformers looks into the mask, which has no values there
            return torch.empty(*tokens.shape, self.out_channels, device=device), is_word
        return self.encode_tokens(tokens, is_word), is_word

    def encode_tokens(self, tokens: Tensor, is_word: Tensor) -> Tensor:
        """Returns features (N, L, D) of token ids (N, L), of which ``is_word`` (N, L) count."""
        output = self.text_encoder(input_ids=tokens, attention_mask=is_word.long())
        return output.last_hidden_state

    def init_weights(self, trust: bool = False) -> None:
        """Loads ``pretrained``, if any.

        Args:
            trust: Whether the file may be a pickle that runs code.
        """
        if self.pretrained is not None:
            load_text_encoder(self, self.pretrained, trust)


def _build_bert(options: dict[str, float]) -> nn.Module:
    try:
        from transformers import BlipTextConfig, BlipTextModel
    except ImportError as error:
        raise ImportError(
            'BlipTextEncoder needs transformers; install it with: pip install -r '
            'requirements/language.txt'
        ) from error
    return BlipTextModel(BlipTextConfig(**options), add_pooling_layer=False)
