"""What the documents point at exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / 'README.md', *sorted(ROOT.glob('docs/**/*.md'))]


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path):
    targets = re.findall(r'\]\((?!https?:|#)([^)#]+)', path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize('path', DOCUMENTS, ids=name_of)
def test_configs_and_tools_exist(path):
    text = path.read_text()
    for name, folder in re.findall(r'^`?([A-Z])=(configs/[^\s`,]+)', text, flags=re.MULTILINE):
        text = text.replace(f'${name}/', f'{folder}/').replace(f'${name} ', f'{folder} ')
    for name, folder in re.findall(r'`([A-Z])=(configs/[^\s`,]+)', text):
        text = text.replace(f'${name}/', f'{folder}/')
    named = set(re.findall(r'(?:configs|tools)/[\w/+.-]+\.(?:py|sh)', text))
    missing = sorted(file for file in named if not (ROOT / file).is_file())
    assert not missing


def test_readme_has_a_command_per_published_row():
    rows = re.findall(r'^\| [^|]+ \| (?:ViTPose|HAP)[^|]* \| [^|]+ \| (.+) \|$',
                      (ROOT / 'README.md').read_text(), flags=re.MULTILINE)  # fmt: skip
    assert len(rows) > 70
    for command in rows:
        assert re.search(r'tools/\w+\.(py|sh) |the same run', command), command
