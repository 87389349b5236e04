"""Texts as the numbers that CLIP reads."""

from collections.abc import Callable
from functools import lru_cache

from mmpose.models.language.clip_words import CLIP_WORDS

START, END = 49406, 49407
VOCABULARY_SIZE = 49408


def tokenize(text: str) -> tuple[int, ...]:
    """Returns the token ids of a text, without those of start and end.

    Words are looked up in a small table, which holds those of all published joint prompts. A text
    with another word goes through the whole vocabulary, which the package ``open_clip_torch``
    brings along.

    Raises:
        ValueError: If there is no text, or it needs the vocabulary and that is not installed.
    """
    words = text.lower().split()
    if not words:
        raise ValueError(f'a prompt is {text!r}; write at least one word in model.prompts')
    unknown = [word for word in words if word not in CLIP_WORDS]
    if unknown:
        return _whole_vocabulary(unknown[0], text)(text)
    return tuple(token for word in words for token in CLIP_WORDS[word])


def _whole_vocabulary(word: str, text: str) -> Callable[[str], tuple[int, ...]]:
    try:
        return _open_clip()
    except ImportError as error:
        raise ValueError(
            f"the prompt '{text}' has the word '{word}', which is not among the {len(CLIP_WORDS)} "
            'that are known without the vocabulary of CLIP; change model.prompts, or install '
            f'requirements/language.txt ({error})'
        ) from error


@lru_cache(maxsize=1)
def _open_clip() -> Callable[[str], tuple[int, ...]]:
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    return lambda text: tuple(tokenizer.encode(text))
