"""CLIP tokenizer: texts to token ids, with a table of the words of all published prompts."""

from collections.abc import Callable
from functools import lru_cache

START, END = 49406, 49407
VOCABULARY_SIZE = 49408
# Words whose tokens are known without the vocabulary file: those of the prompts that PGVL was
# published with. The numbers are rows of bpe_simple_vocab_16e6.txt (Radford et al., ICML 2021).
# fmt: off
CLIP_WORDS: dict[str, tuple[int, ...]] = {
    # sides and places
    'left': (1823,), 'right': (1155,), 'upper': (7067,), 'lower': (4909,), 'front': (2184,),
    'back': (893,), 'base': (4579,), 'root': (9728,), 'side': (1145,), 'center': (2119,),
    'lateral': (26646,), 'proximal': (31436, 566),
    # parts of bodies
    'shoulder': (8476,), 'elbow': (21965,), 'wrist': (16139,), 'hip': (6584,), 'knee': (9897,),
    'ankle': (14777,), 'head': (1375,), 'neck': (6906,), 'pelvis': (4286, 5337),
    'thorax': (4130, 9203), 'eye': (3272,), 'ear': (8373,), 'nose': (8231,), 'tail': (4132,),
    'paw': (16016,), 'throat': (16371,), 'withers': (1435, 612), 'face': (1710,),
    'orbit': (19713,), 'arm': (4793,), 'forearm': (1484, 4793), 'hand': (2463,),
    'thigh': (22877,), 'leg': (4924,),
    # between them; 'lose' stands for the nose in PGVL's prompts for OCHuman
    'at': (536,), 'the': (518,), 'of': (539,), 'on': (525,), 'within': (4154,), 'lose': (5354,),
}
# fmt: on


def tokenize(text: str) -> tuple[int, ...]:
    """Returns the token ids of a text, without those of start and end.

    Words are looked up in a small table, which holds those of all published prompts. A text
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
