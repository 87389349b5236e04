"""Language: texts to features, and what models that read texts share.

A text encoder is a registered module with ``out_channels``, whose ``forward(prompts)`` gives the
features of N texts, and whose ``init_weights(trust)`` loads what it was pre-trained with.
"""

from mmpose.models.frozen import freeze
from mmpose.models.language.bert_tokenizer import BertTokenizer
from mmpose.models.language.blip_text_encoder import BlipTextEncoder
from mmpose.models.language.clip_text import CLIPTextEncoder, PromptEncoder
from mmpose.models.language.prompts import PromptTable, keypoint_prompts, load_prompts
from mmpose.models.language.relation_matcher import RelationMatcher
from mmpose.models.language.text_cache import TextCache
from mmpose.models.language.tokenizer import tokenize

__all__ = [
    'BertTokenizer',
    'BlipTextEncoder',
    'CLIPTextEncoder',
    'PromptEncoder',
    'PromptTable',
    'RelationMatcher',
    'TextCache',
    'freeze',
    'keypoint_prompts',
    'load_prompts',
    'tokenize',
]
