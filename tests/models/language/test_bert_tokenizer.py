"""Sentences become the token ids of BERT, with a vocabulary file and without."""

import csv

import pytest

from mmpose.models.language import BertTokenizer, load_prompts
from mmpose.models.language.bert_tokenizer import TOKEN_TABLE

pytest.importorskip('tokenizers', reason='tokenizers is not installed')

# a small vocabulary in the layout of BERT's
VOCAB = """[PAD] [UNK] [CLS] [SEP] [MASK] a photo of human cart ##oon ##s un ##aff ##able , . ! 日
cafe ' the"""
TOKENS = VOCAB.split()


@pytest.fixture
def vocab(tmp_path):
    path = tmp_path / 'vocab.txt'
    path.write_text('\n'.join(TOKENS) + '\n', encoding='utf-8')
    return path


def test_known_ids_of_the_published_vocabulary():
    """The ids that are known from elsewhere, too."""
    tokenizer = BertTokenizer()
    assert tokenizer.encode('a photo of a cartoon character') == [
        101, 1037, 6302, 1997, 1037, 9476, 2839, 102,
    ]  # fmt: skip
    assert tokenizer.encode('A photo of a HUMAN') == [101, 1037, 6302, 1997, 1037, 2529, 102]
    assert tokenizer.encode('watercolor') == [101, 2300, 18717, 102]  # water ##color
    assert tokenizer.pad_id == 0


def test_shipped_sentences_need_no_vocabulary():
    tokenizer = BertTokenizer()
    for sentence in load_prompts('humanart').sentences:
        assert len(tokenizer.encode(sentence)) < 20


SENTENCES = [
    'a photo of a human',
    'A Photo, of a HUMAN!',
    'cartoons unaffable',
    'café',
    "human's photo.",
    'a\tphoto\n of',
    '日a',
    'x human',
    'cart' + 'oon' * 50,
]


@pytest.mark.parametrize('sentence', SENTENCES)
def test_same_as_transformers(sentence, vocab):
    transformers = pytest.importorskip('transformers', reason='transformers is not installed')
    theirs = transformers.BertTokenizer(str(vocab), do_lower_case=True)
    assert BertTokenizer(vocab).encode(sentence) == theirs(sentence)['input_ids']


def test_pieces_of_words(vocab):
    ids = BertTokenizer(vocab).encode('unaffable cartoons, zebra')
    assert [TOKENS[i] for i in ids] == [
        '[CLS]', 'un', '##aff', '##able', 'cart', '##oon', '##s', ',', '[UNK]', '[SEP]',
    ]  # fmt: skip


def test_words_are_plain(vocab):
    tokens = [TOKENS[i] for i in BertTokenizer(vocab).encode("THE Café's 日 a!\x00")]
    assert tokens == ['[CLS]', 'the', 'cafe', "'", '[UNK]', '日', 'a', '!', '[SEP]']


# ids in the vocabulary of 'bert-base-uncased'
PIECES = {
    'acrobat': [9353, 3217, 14479],
    'acrobatics': [9353, 3217, 14479, 6558],
    'cosplay': [2522, 13102, 8485],
    'crayon': [13675, 28852, 2078],
    'emoji': [7861, 29147, 2072],
    'pastel': [19351, 2140],
    'ukiyoe': [2866, 28008, 8913],
    'watercolor': [2300, 18717],
    'woodblock': [3536, 23467],
}


def test_shipped_words_have_the_published_ids():
    """Every word of the table, also those of several pieces, which other words might break."""
    tokenizer = BertTokenizer()
    with TOKEN_TABLE.open(encoding='utf-8', newline='') as file:
        rows = [(row['tokens'], row['ids']) for row in csv.DictReader(file)]
    several = {}
    for tokens, ids in rows:
        word = tokens.replace(' ##', '')
        if word.startswith('['):
            continue
        found = tokenizer.encode(word)[1:-1]
        assert found == [int(i) for i in ids.split()], word
        several |= {word: found} if len(found) > 1 else {}
    assert several == PIECES
    assert len(rows) > 300


def test_unknown_word_names_the_file_to_get():
    with pytest.raises(
        ValueError, match=r"'zeppelin', which is not among .*'vocab\.txt' of 'bert-"
    ):
        BertTokenizer().encode('a photo of a zeppelin')


def test_empty_sentence():
    with pytest.raises(ValueError, match='has no word; write a sentence'):
        BertTokenizer().encode('  ')


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.txt: no such vocabulary; download'):
        BertTokenizer(tmp_path / 'nowhere.txt')
    (tmp_path / 'clip.txt').write_text('a\nb\n')
    with pytest.raises(ValueError, match=r"clip\.txt has no token '\[CLS\]', so it is no vocab"):
        BertTokenizer(tmp_path / 'clip.txt')
