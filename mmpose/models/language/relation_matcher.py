"""Cross-attention of image tokens to the words of a sentence (VLPose)."""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from mmpose.registry import MODELS


@MODELS.register_module()
class RelationMatcher(nn.Module):
    """Lets image tokens attend to each other and to the words (VLPose, arXiv 2402.14456).

    Queries are the image tokens, keys and values both; the result is added to the image tokens
    and normalised. Names of the parameters are the published ones.

    Args:
        embed_dim: D, width of a token.
        num_heads: Attention heads; 8 in all published sizes.
        attn_drop: Dropout rate of the attention weights.
    """

    def __init__(self, embed_dim: int, num_heads: int = 8, attn_drop: float = 0.1) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(
                f'the matcher has num_heads={num_heads}, which does not divide the {embed_dim} '
                'channels of the backbone; set model.matcher.num_heads'
            )
        self.num_heads = num_heads
        self.attn_drop = attn_drop
        self.q = nn.Linear(embed_dim, embed_dim)
        self.k = nn.Linear(embed_dim, embed_dim)
        self.v = nn.Linear(embed_dim, embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, features: Tensor, words: Tensor, is_word: Tensor | None = None) -> Tensor:
        """Returns features (B, D, H, W) that have read the words.

        Args:
            features: (B, D, H, W). Of the image.
            words: (B, L, D). Of the sentence.
            is_word: (B, L) bool. False for what fills up a sentence and must not be attended to;
                None attends to everything.
        """
        tokens = rearrange(features, 'b d h w -> b (h w) d')
        source = torch.cat((tokens, words.to(tokens.dtype)), dim=1)  # (B, T + L, D)
        mask = None
        if is_word is not None:
            # (B, T + L) -> (B, 1, 1, T + L)
            mask = F.pad(is_word, (tokens.shape[1], 0), value=True)[:, None, None]
        attended = F.scaled_dot_product_attention(
            self._split_heads(self.q(tokens)),
            self._split_heads(self.k(source)),
            self._split_heads(self.v(source)),
            attn_mask=mask,
            dropout_p=self.attn_drop if self.training else 0.0,
        )
        merged = rearrange(attended, 'b heads t d -> b t (heads d)')
        related = self.norm(self.proj(merged) + tokens)
        return rearrange(related, 'b (h w) d -> b d h w', h=features.shape[2])

    def _split_heads(self, x: Tensor) -> Tensor:
        return rearrange(x, 'b t (heads d) -> b heads t d', heads=self.num_heads)
