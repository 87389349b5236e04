"""What the documents point at exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmpose.__main__ import TOOLS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob('*.md')), *sorted(ROOT.glob('docs/**/*.md'))]


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


def test_the_zoo_has_a_command_per_published_row():
    rows = re.findall(r'^\| [^|]+ \| (?:ViTPose|HAP)[^|]* \| [^|]+ \| (.+) \|$',
                      (ROOT / 'docs/model_zoo.md').read_text(), flags=re.MULTILINE)  # fmt: skip
    assert len(rows) > 70
    for command in rows:
        assert re.search(r'tools/\w+\.(py|sh) |the same run', command), command


def commands():
    """Returns the flags that the documents give to each tool: tool -> flag -> a page."""
    found = {}
    for path in DOCUMENTS:
        text = path.read_text().replace('\\\n', ' ')
        for block in re.findall(r'```(?:bash|sh)?\n(.*?)```', text, flags=re.DOTALL):
            for line in block.splitlines():
                line = line.split(' # ')[0].split('|')[0]
                for tool, rest in re.findall(r'(?:python|pose) (?:tools/)?([\w/.-]+)(.*)', line):
                    name = next((TOOLS[x][0] for x in (tool, tool[:-3]) if x in TOOLS), tool)
                    if (ROOT / 'tools' / name).is_file():
                        flags = re.findall(r'(?<=\s)--[a-zA-Z][\w-]*', rest)
                        found.setdefault(name, {}).update(dict.fromkeys(flags, path.name))
    return found


@pytest.mark.parametrize(('tool', 'flags'), sorted(commands().items()))
def test_flags_of_commands_exist(tool, flags):
    def ask(*parts):
        run = [sys.executable, ROOT / 'tools' / tool, *parts, '--help']
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout

    usage = ask()
    parts = re.search(r'\{([\w,]+)\} \.\.\.', usage)  # as of tools/benchmark.py
    usage += ''.join(ask(part) for part in parts[1].split(',')) if parts else ''
    unknown = {flag: page for flag, page in flags.items() if not re.search(rf'{flag}\b', usage)}
    assert not unknown
