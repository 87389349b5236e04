"""No command writes over a file that it reads, or that no command here has made."""

import os

import pytest

from mmpose.structures.output_files import OutputFiles, writing


def test_a_file_of_the_user_is_refused_and_ones_own_is_not(tmp_path):
    own, foreign = tmp_path / 'own.json', tmp_path / 'foreign.json'
    foreign.write_text('mine')
    with writing(own, None):
        own.write_text('1')
    with writing(own):
        own.write_text('22')
    with pytest.raises(FileExistsError, match=r'foreign\.json.* no command of this project'):
        writing(foreign)
    own.write_text('changed by the user')
    with pytest.raises(FileExistsError, match=r'own\.json.* no command of this project'):
        writing(own)
    own.unlink()
    writing(own)


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_an_input_is_refused_by_any_name(tmp_path, link):
    source, other = tmp_path / 'a.jpg', tmp_path / 'b.jpg'
    with writing(source):
        source.write_text('made here')
    link(source, other)
    for target in (source, other, tmp_path / 'x' / '..' / 'a.jpg'):
        (tmp_path / 'x').mkdir(exist_ok=True)
        with pytest.raises(FileExistsError, match='is an input of this command'):
            writing(target, inputs=[source, 'https://host/a.jpg', None])


def test_what_was_written_before_an_error_is_recorded(tmp_path):
    target = tmp_path / 'a.csv'

    def break_off():
        with OutputFiles() as files:
            files.claim(target).write_text('half')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    writing(target)


def test_a_damaged_record_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv('MMPOSE_CACHE', str(tmp_path / 'cache'))
    made = tmp_path / 'out' / 'a'
    made.parent.mkdir()
    with writing(made):
        made.write_text('1')
    assert [path.name for path in made.parent.iterdir()] == ['a'], 'the record lies elsewhere'
    writing(made)
    [record] = (tmp_path / 'cache').rglob('*.json')
    record.write_text('[1')
    with pytest.raises(FileExistsError):
        writing(made)
