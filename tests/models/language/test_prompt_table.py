"""A folder of images gets the sentence that the table has for it."""

import pytest

from mmpose.models.language import PromptTable, load_prompts, prompts

# the scenarios of Human-Art with a known folder, and those of COCO
FOLDERS = """acrobatics cosplay dance drama movie garage_kits relief sculpture cartoon digital_art
ink_painting kids_drawing mural oil_painting shadow_play sketch stained_glass ukiyoe watercolor
train2017 val2017"""
SCENARIOS = FOLDERS.split()


@pytest.fixture
def warnings(monkeypatch):
    """The warnings of the module, as they come."""
    found = []
    monkeypatch.setattr(prompts, 'print_log', lambda text, **_: found.append(text))
    return found


def test_shipped_table_covers_human_art_and_coco(warnings):
    table = load_prompts('humanart')
    files = [f'data/HumanArt/images/group/{name}/000000000001.jpg' for name in SCENARIOS]
    numbers = table.numbers_of(files)
    assert not warnings
    sentences = dict(zip(SCENARIOS, (table.sentences[i] for i in numbers), strict=True))
    assert sentences['cartoon'] == 'a photo of a cartoon character'
    assert sentences['train2017'] == sentences['val2017'] == 'a photo of a human'
    assert len(set(sentences.values())) == len(SCENARIOS) - 1


def test_unknown_scenario_falls_back_with_one_warning(warnings):
    table = PromptTable({'cartoon': 'a cartoon'})
    assert table.numbers_of(['a/cartoon/1.jpg', 'a/zoo/1.jpg', '1.jpg', 'a/zoo/2.jpg']) == [
        1,
        0,
        0,
        0,
    ]
    assert table.sentences[0] == 'a photo of a human'
    assert len(warnings) == 1
    assert "no prompt for the scenario 'zoo' of a/zoo/1.jpg" in warnings[0]
    assert 'add them to model.prompts' in warnings[0]


def test_table_of_a_user(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('fallback: a person\nscenarios:\n  2020: a photo\n  zoo: a photo\n')
    table = load_prompts(path)
    assert table.sentences == ('a person', 'a photo')
    assert table.numbers_of(['2020/x.jpg', 'zoo/x.jpg']) == [1, 1]


MALFORMED = [
    ('scenarios: [a]\n', r"has no 'scenarios', a sentence per folder"),
    ('cartoon: a cartoon\n', r"has no 'scenarios'"),
    ('scenarios: {a: b}\nzoo: a photo\n', r"has 'zoo', expected only .*; indent the folders"),
    ('scenarios: {zoo: 3}\n', r"mine\.yaml: the prompt of 'zoo' is 3, expected a sentence"),
    ('scenarios: {zoo: " "}\n', r"the prompt of 'zoo' is ' '"),
    ('scenarios: {zoo\n', r'mine\.yaml is no YAML file: '),
]


@pytest.mark.parametrize(('text', 'message'), MALFORMED)
def test_malformed_table_is_named(text, message, tmp_path):
    (tmp_path / 'mine.yaml').write_text(text)
    with pytest.raises(ValueError, match=message):
        load_prompts(tmp_path / 'mine.yaml')


@pytest.mark.parametrize('name', ['nothing', 'nothing.yaml'])
def test_missing_table(name):
    with pytest.raises(
        FileNotFoundError, match=f"model.prompts is '{name}', expected 'humanart' or"
    ):
        load_prompts(name)
