"""CLIP text encoder with learned context, and a small encoder of prompts among each other.

Learning transferable visual models from natural language supervision, Radford et al., ICML 2021.
Parameter names are those of OpenAI's weights.
"""

from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmpose.checkpoints.pretrained import load_text_encoder
from mmpose.models.language.tokenizer import END, START, VOCABULARY_SIZE, tokenize
from mmpose.registry import MODELS


class QuickGELU(nn.Module):
    """``x * sigmoid(1.702 x)``, with which CLIP was trained in place of the exact GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activated ``x``, of its shape."""
        return x * torch.sigmoid(1.702 * x)


class _Mlp(nn.Module):
    """CLIP's feed-forward part, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = QuickGELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class ResidualAttentionBlock(nn.Module):
    """Pre-norm transformer block of CLIP.

    Args:
        width: W, width of a token.
        heads: Attention heads; must divide ``width``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = _Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Returns the tokens after the block, (N, T, W) like ``x``; ``mask`` (T, T) is added."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class _Transformer(nn.Module):
    """A stack of blocks, named as in OpenAI's weights."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f'a text transformer of width {width} cannot have {heads} heads; set width to a '
                'multiple of heads'
            )
        self.resblocks = nn.ModuleList(ResidualAttentionBlock(width, heads) for _ in range(layers))
        self.reset_parameters(width, layers)

    def reset_parameters(self, width: int, layers: int) -> None:
        """Draws the weights as CLIP did: smaller towards the residual path of deep networks."""
        attn_std = width**-0.5
        proj_std = attn_std * (2 * layers) ** -0.5
        for block in self.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=attn_std)
            nn.init.normal_(block.attn.out_proj.weight, std=proj_std)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=proj_std)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


@MODELS.register_module()
class CLIPTextEncoder(nn.Module):
    """Texts to one feature each, by the text tower of CLIP.

    Learned context tokens (CoOp, Zhou et al., IJCV 2022) may stand between the start token and
    the text. The features are not normalised.

    Args:
        width: W, width of a token.
        out_channels: D, width of a feature.
        layers: Number of blocks.
        heads: Attention heads. OpenAI's ViT-L/14 has 12; PGVL runs its weights with 8.
        context_length: T, tokens of a text with start, end and context. CLIP was trained with 77,
            the first T rows of whose position embedding are loaded.
        pretrained: CLIP file, path or address: OpenAI's ``.pt``, or a state dict with its names.

    Attributes:
        width: W.
        out_channels: D.
    """

    def __init__(
        self,
        width: int = 512,
        out_channels: int = 512,
        layers: int = 12,
        heads: int = 8,
        context_length: int = 77,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.width = width
        self.out_channels = out_channels
        self.context_length = context_length
        self.pretrained = pretrained
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, width)
        self.positional_embedding = nn.Parameter(torch.empty(context_length, width))
        self.transformer = _Transformer(width, layers, heads)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, out_channels))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)

    def init_weights(self, trust: bool = False) -> None:
        """Loads ``pretrained``.

        Args:
            trust: Whether the file may be a pickle that runs code.
        """
        if self.pretrained is None:
            print_log(
                'model.text_encoder.pretrained is None, so the text encoder starts from random '
                'weights; set it to a CLIP file (docs/language.md)',
                logger='current',
                level=30,  # logging.WARNING
            )
            return
        load_text_encoder(self, self.pretrained, trust)

    def forward(self, prompts: Sequence[str], contexts: Tensor | None = None) -> Tensor:
        """Returns one feature per text, (N, D).

        Args:
            contexts: (1, M, W). Learned tokens, the same for each text.

        Raises:
            ValueError: If a text is too long.
        """
        num_contexts = 0 if contexts is None else contexts.shape[1]
        rows, ends = self._rows(prompts, num_contexts)
        device = self.token_embedding.weight.device
        tokens = self.token_embedding(torch.tensor(rows, device=device))  # (N, T - M, W)
        if contexts is not None:
            middle = contexts.to(tokens.dtype).expand(len(rows), -1, -1)
            tokens = torch.cat((tokens[:, :1], middle, tokens[:, 1:]), 1)  # (N, T, W)
        tokens = tokens + self.positional_embedding
        size = self.context_length
        causal = torch.full((size, size), -torch.inf, device=device, dtype=tokens.dtype).triu_(1)
        tokens = self.ln_final(self.transformer(tokens, causal))
        last = tokens[torch.arange(len(rows), device=device), torch.tensor(ends, device=device)]
        return last @ self.text_projection

    def _rows(self, prompts: Sequence[str], num_contexts: int) -> tuple[list[list[int]], list[int]]:
        """Returns N padded rows of ids, and where each text ends once the context is in it."""
        room = self.context_length - num_contexts - 2
        rows, ends = [], []
        for prompt in prompts:
            ids = tokenize(prompt)
            if len(ids) > room:
                raise ValueError(
                    f"the prompt '{prompt}' has {len(ids)} tokens but there is room for {room}: "
                    f'model.text_encoder.context_length={self.context_length} without start, end '
                    f'and {num_contexts} learned tokens (model.num_contexts); shorten it or change '
                    'one of the two'
                )
            rows.append([START, *ids, END] + [0] * (room - len(ids)))
            ends.append(num_contexts + len(ids) + 1)
        return rows, ends


@MODELS.register_module()
class PromptEncoder(nn.Module):
    """Lets the features of the prompts of one model see each other (CLAMP, Zhang et al. 2023).

    ``positional_embedding`` and ``text_projection`` belong to the published weights but are never
    read; they are buffers, so that nothing trains them.

    Args:
        width: W, width of a feature.
        num_prompts: Rows of the unread position embedding.
        layers: Number of blocks.
        heads: Attention heads.
    """

    def __init__(self, width: int, num_prompts: int, layers: int = 1, heads: int = 8) -> None:
        super().__init__()
        self.transformer = _Transformer(width, layers, heads)
        self.ln_final = nn.LayerNorm(width)
        self.register_buffer('positional_embedding', torch.zeros(num_prompts, width))
        self.register_buffer('text_projection', torch.zeros(width, width))

    def forward(self, features: Tensor) -> Tensor:
        """Returns features (N, W) of the N features, each with regard to the others."""
        return self.ln_final(self.transformer(features[None]))[0]
