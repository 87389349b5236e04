"""Language: texts to features, and what models that read texts share."""

from mmpose.models.language.bert_tokenizer import BertTokenizer
from mmpose.models.language.blip_text_encoder import BlipTextEncoder
from mmpose.models.language.frozen import freeze
from mmpose.models.language.prompt_table import PromptTable, load_prompts
from mmpose.models.language.relation_matcher import RelationMatcher
from mmpose.models.language.text_cache import TextCache

__all__ = [
    'BertTokenizer',
    'BlipTextEncoder',
    'PromptTable',
    'RelationMatcher',
    'TextCache',
    'freeze',
    'load_prompts',
]
