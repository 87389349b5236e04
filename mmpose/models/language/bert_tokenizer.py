"""BERT tokenizer: sentences to the token ids of its uncased English vocabulary, without a download.

Devlin et al., NAACL 2019; run by the package tokenizers, which transformers brings along.
"""

from __future__ import annotations

import csv
from pathlib import Path

TOKEN_TABLE = Path(__file__).with_name('bert_words.csv')
"""Some hundred words as tokens, with the ids that BlingFire 0.1.8 has for 'bert-base-uncased'."""
START, END, PAD, UNKNOWN = '[CLS]', '[SEP]', '[PAD]', '[UNK]'
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
        pad_id: Id that fills up short sentences.
        size: Ids are below this.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no vocabulary of BERT.
        ImportError: If tokenizers is not installed.
    """

    def __init__(self, vocab: str | Path | None = None) -> None:
        try:
            from tokenizers import Tokenizer
            from tokenizers.models import WordPiece
            from tokenizers.normalizers import BertNormalizer
            from tokenizers.pre_tokenizers import BertPreTokenizer
        except ImportError as error:
            raise ImportError(
                'BertTokenizer needs transformers; install it with: pip install -r '
                'requirements/language.txt'
            ) from error
        self._words: frozenset[str] | None = None  # all words, where only some are known
        if vocab is None:
            ids, self._words = _read_table()
        else:
            ids = _read_vocab(Path(vocab))
        self._tokenizer = Tokenizer(WordPiece(ids, unk_token=UNKNOWN))
        self._tokenizer.normalizer = BertNormalizer(lowercase=True)
        self._tokenizer.pre_tokenizer = BertPreTokenizer()
        self._start_id, self._end_id, self.pad_id = (ids[token] for token in (START, END, PAD))
        self.size = max(ids.values()) + 1

    def encode(self, sentence: str) -> list[int]:
        """Returns the ids of a sentence, between those of the start and the end token.

        Raises:
            ValueError: If it has no word, or one that is not in the table that ships with us.
        """
        plain = self._tokenizer.normalizer.normalize_str(sentence)
        words = [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(plain)]
        if not words:
            raise ValueError(f"the prompt '{sentence}' has no word; write a sentence")
        unknown = [] if self._words is None else [x for x in words if x not in self._words]
        if unknown:
            raise ValueError(
                f"the prompt '{sentence}' has the word '{unknown[0]}', which is not among the "
                f'{len(self._words)} words that ship with mmpose; {WHERE_TO_GET}'
            )
        ids = self._tokenizer.encode(sentence, add_special_tokens=False).ids
        return [self._start_id, *ids, self._end_id]


def _read_table() -> tuple[dict[str, int], frozenset[str]]:
    """Returns the ids of the tokens that ship with us, and the words that they are for."""
    ids: dict[str, int] = {}
    words = set()
    with TOKEN_TABLE.open(encoding='utf-8', newline='') as file:
        for row in csv.DictReader(file):
            tokens = row['tokens'].split()
            ids |= zip(tokens, map(int, row['ids'].split()), strict=True)
            words.add(''.join(token.removeprefix('##') for token in tokens))
    return ids, frozenset(words)


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
