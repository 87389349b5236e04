"""Sentences to the token ids of BERT's uncased English vocabulary, without a download.

Devlin et al., NAACL 2019. Words are lower-cased and split into the longest pieces that the
vocabulary has, from the left; pieces that do not begin a word start with ``##``.
"""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

WORD_TABLE = Path(__file__).with_name('bert_words.csv')
"""Some hundred words, and the ids that Microsoft's BlingFire 0.1.8 has for 'bert-base-uncased'."""
START, END, PAD, UNKNOWN = '[CLS]', '[SEP]', '[PAD]', '[UNK]'
MAX_WORD = 100  # characters; longer words are unknown ones, as in BERT
WHERE_TO_GET = (
    "download 'vocab.txt' of 'bert-base-uncased' (232 kB, huggingface.co/bert-base-uncased) and "
    'set model.text_encoder.vocab to it'
)


class BertTokenizer:
    """Splits sentences into the tokens of BERT.

    Without a vocabulary file it knows the words of ``bert_words.csv`` only, exactly: how a word is
    split does not depend on its neighbours.

    Args:
        vocab: BERT's ``vocab.txt``, a token a line; None takes the table that ships with us.

    Attributes:
        size: Ids are below this.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no vocabulary of BERT.
    """

    def __init__(self, vocab: str | Path | None = None) -> None:
        self.is_partial = vocab is None
        self._words = _read_words() if vocab is None else {}
        self._pieces = {} if vocab is None else _read_vocab(Path(vocab))
        special = {word: ids[0] for word, ids in self._words.items()} if vocab is None else None
        ids = special or self._pieces
        self.start_id, self.end_id, self.pad_id, self.unknown_id = (
            ids[token] for token in (START, END, PAD, UNKNOWN)
        )
        known = [*self._pieces.values(), *(i for ids in self._words.values() for i in ids)]
        self.size = max(known) + 1

    def encode(self, sentence: str) -> list[int]:
        """Returns the ids of a sentence, between those of the start and the end token.

        Raises:
            ValueError: If it has no word, or one that is not in the table that ships with us.
        """
        words = split_words(sentence)
        if not words:
            raise ValueError(f"the prompt '{sentence}' has no word; write a sentence")
        ids = [i for word in words for i in self._encode_word(word, sentence)]
        return [self.start_id, *ids, self.end_id]

    def _encode_word(self, word: str, sentence: str) -> list[int]:
        if not self.is_partial:
            return self._split(word)
        if word not in self._words:
            raise ValueError(
                f"the prompt '{sentence}' has the word '{word}', which is not among the "
                f'{len(self._words)} words that ship with mmpose; {WHERE_TO_GET}'
            )
        return self._words[word]

    def _split(self, word: str) -> list[int]:
        if len(word) > MAX_WORD:
            return [self.unknown_id]
        ids: list[int] = []
        begin = 0
        while begin < len(word):
            mark = '##' if begin else ''
            ends = range(len(word), begin, -1)
            end = next((end for end in ends if mark + word[begin:end] in self._pieces), None)
            if end is None:
                return [self.unknown_id]
            ids.append(self._pieces[mark + word[begin:end]])
            begin = end
        return ids


def split_words(sentence: str) -> list[str]:
    """Returns words in lower case without accents; punctuation and CJK signs stand alone."""
    plain = unicodedata.normalize('NFD', sentence.lower())
    spaced = []
    for char in plain:
        category = unicodedata.category(char)
        if char.isspace():
            spaced.append(' ')
        elif category == 'Mn' or category.startswith('C'):
            continue
        elif _stands_alone(char, category):
            spaced.append(f' {char} ')
        else:
            spaced.append(char)
    return ''.join(spaced).split()


def _stands_alone(char: str, category: str) -> bool:
    is_ascii_sign = char.isascii() and not char.isalnum()
    return is_ascii_sign or category.startswith('P') or 'CJK UNIFIED' in unicodedata.name(char, '')


def _read_words() -> dict[str, list[int]]:
    with WORD_TABLE.open(encoding='utf-8', newline='') as file:
        return {row['word']: [int(i) for i in row['ids'].split()] for row in csv.DictReader(file)}


def _read_vocab(path: Path) -> dict[str, int]:
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such vocabulary; {WHERE_TO_GET}')
    tokens = path.read_text(encoding='utf-8').splitlines()
    vocab = {token.strip(): i for i, token in enumerate(tokens)}
    missing = [token for token in (START, END, PAD, UNKNOWN) if token not in vocab]
    if missing:
        raise ValueError(
            f"{path} has no token '{missing[0]}', so it is no vocabulary of BERT; {WHERE_TO_GET}"
        )
    return vocab
