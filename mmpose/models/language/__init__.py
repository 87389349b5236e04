"""Language: texts to features, and what models that read texts share.

A text encoder is a registered module with ``out_channels``, whose ``forward(prompts)`` gives the
features of N texts, and whose ``init_weights(trust)`` loads what it was pre-trained with.
"""

from mmpose.models.language.clip_text import CLIPTextEncoder, PromptEncoder
from mmpose.models.language.frozen import freeze
from mmpose.models.language.prompts import joint_prompts
from mmpose.models.language.text_cache import TextCache
from mmpose.models.language.tokenizer import tokenize

__all__ = [
    'CLIPTextEncoder',
    'PromptEncoder',
    'TextCache',
    'freeze',
    'joint_prompts',
    'tokenize',
]
