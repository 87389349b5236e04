"""Language: texts to features, and what models that read texts share."""

from mmpose.models.language.frozen import freeze
from mmpose.models.language.text_cache import TextCache

__all__ = ['TextCache', 'freeze']
