"""Prompts: one text per keypoint of a skeleton, or one sentence per folder of images."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Any

from mmengine.logging import print_log

from mmpose.structures import DatasetMeta

FALLBACK = 'a photo of a human'
FIELDS = ('fallback', 'scenarios')


def keypoint_prompts(
    dataset_meta: DatasetMeta, prompts: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Returns one text per keypoint, in the order of the skeleton.

    Args:
        prompts: Keypoint -> text. Another keypoint is called by its name: 'left_eye' is 'left eye'.

    Raises:
        ValueError: If the skeleton has no such keypoint.
    """
    prompts = dict(prompts or {})
    for name in prompts:
        if name in dataset_meta.keypoint_names:
            continue
        near = get_close_matches(name, dataset_meta.keypoint_names, n=1)
        hint = (
            f"did you mean '{near[0]}'?"
            if near
            else f'it has {", ".join(dataset_meta.keypoint_names)}'
        )
        raise ValueError(
            f"model.prompts has a text for '{name}', a keypoint that the skeleton "
            f"'{dataset_meta.name}' does not have; {hint}"
        )
    return tuple(prompts.get(name, name.replace('_', ' ')) for name in dataset_meta.keypoint_names)


class PromptTable:
    """A sentence per scenario; the scenario of an image is its parent folder.

    Args:
        scenarios: Folder name -> sentence.
        fallback: Sentence of every other folder.

    Attributes:
        sentences: The different sentences, the fallback first.
    """

    def __init__(self, scenarios: Mapping[str, str], fallback: str = FALLBACK) -> None:
        for name, sentence in {'fallback': fallback, **scenarios}.items():
            if not isinstance(sentence, str) or not sentence.strip():
                raise ValueError(
                    f"the prompt of '{name}' is {sentence!r}, expected a sentence; set "
                    'model.prompts'
                )
        self.scenarios = dict(scenarios)
        self.sentences = tuple(dict.fromkeys((fallback, *scenarios.values())))
        self._numbers = {str(name): self.sentences.index(text) for name, text in scenarios.items()}
        self._has_warned = False

    def numbers_of(self, image_files: Iterable[str]) -> list[int]:
        """Returns the place in ``sentences`` of each image's sentence.

        The first folder without a sentence is warned about.
        """
        return [self._number_of(path) for path in image_files]

    def _number_of(self, image_file: str) -> int:
        folder = PurePath(image_file).parent.name
        if folder not in self._numbers and not self._has_warned:
            self._has_warned = True
            print_log(
                f"no prompt for the scenario '{folder}' of {image_file}; it and all other unknown "
                f"folders are described by '{self.sentences[0]}'; add them to model.prompts",
                logger='current',
                level=logging.WARNING,
            )
        return self._numbers.get(folder, 0)


def load_prompts(source: str | Path | Mapping[str, str]) -> PromptTable:
    """Returns a table of prompts.

    Args:
        source: ``humanart`` for the table that ships with us, a ``.yaml`` file like it, or a dict
            of folder names and sentences.

    Raises:
        FileNotFoundError: If there is no such table.
        ValueError: If it is malformed.
    """
    if isinstance(source, Mapping):
        return PromptTable(source)
    path = Path(source)
    if path.suffix not in ('.yaml', '.yml'):
        path = Path(__file__).with_name(f'{source}.yaml')
    if not path.is_file():
        raise FileNotFoundError(
            f"model.prompts is '{source}', expected 'humanart' or the path of a .yaml file with "
            "'fallback' and 'scenarios'"
        )
    import yaml

    try:
        content: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is no YAML file: {" ".join(str(error).split())}') from error
    return _from_yaml(path, content)


def _from_yaml(path: Path, content: Any) -> PromptTable:
    if not isinstance(content, dict) or not isinstance(content.get('scenarios'), dict):
        raise ValueError(f"{path} has no 'scenarios', a sentence per folder; see humanart.yaml")
    unknown = [key for key in content if key not in FIELDS]
    if unknown:
        raise ValueError(
            f"{path} has '{unknown[0]}', expected only 'fallback' and 'scenarios'; indent the "
            "folders below 'scenarios'"
        )
    scenarios = {str(name): sentence for name, sentence in content['scenarios'].items()}
    try:
        return PromptTable(scenarios, content.get('fallback', FALLBACK))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
