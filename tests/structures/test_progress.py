"""The progress bar: on a terminal only, on the first rank only, and in nobody's way."""

import pytest

from mmpose.structures.progress import RANK_VARIABLES, track


@pytest.fixture
def terminal(monkeypatch):
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('FORCE_COLOR', '1')  # what makes rich take any stream for a terminal
    monkeypatch.setenv('COLUMNS', '120')


@pytest.mark.usefixtures('terminal')
@pytest.mark.parametrize(
    ('items', 'total', 'words'),
    [([5, 6, 7], None, '3/3'), (iter([5, 6, 7]), 6, '3/6'), (iter([5, 6, 7]), None, '3/?')],
)
def test_a_terminal_shows_name_count_and_time(capsys, items, total, words):
    assert list(track(items, 'images [of] a', total)) == [5, 6, 7]
    shown = capsys.readouterr()
    assert shown.out == ''
    assert 'images [of] a' in shown.err
    assert words in shown.err
    assert ('0:00:00' in shown.err or '-:--:--' in shown.err) or '?' in words


@pytest.mark.parametrize(
    ('variable', 'value', 'is_shown'),
    [('COLUMNS', '120', False), ('RANK', '1', True), ('SLURM_PROCID', '3', True)],
)
@pytest.mark.usefixtures('terminal')
def test_other_ranks_and_the_quiet_show_nothing(capsys, monkeypatch, variable, value, is_shown):
    monkeypatch.setenv(variable, value)
    assert list(track([1, 2], 'images', is_shown=is_shown)) == [1, 2]
    assert capsys.readouterr() == ('', '')


def test_a_pipe_stays_clean(capsys, monkeypatch):
    monkeypatch.delenv('FORCE_COLOR', raising=False)
    assert list(track([1, 2], 'images')) == [1, 2]
    assert capsys.readouterr() == ('', '')


@pytest.mark.usefixtures('terminal')
def test_a_bar_within_a_bar_and_one_that_was_left_are_no_trouble(capsys):
    for _ in track([1], 'outer'):
        assert list(track([1, 2], 'inner')) == [1, 2]
    for _ in track([1, 2], 'left'):
        break
    assert list(track([1, 2], 'after')) == [1, 2]
    shown = capsys.readouterr().err
    assert all(name in shown for name in ('outer', 'left', 'after'))
    assert 'inner' not in shown
