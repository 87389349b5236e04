"""Notes of a migration: what was mapped, what is not exact and what has no counterpart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from mmengine.registry import Registry

NO_COUNTERPART = 'has no counterpart here'


@dataclass
class MigrationNotes:
    """What a migration did with each key of a foreign config, by the dotted key there.

    Attributes:
        exact: Key to what it is here, with the same effect.
        inexact: Key to what it is here, and how the effect differs.
        dropped: Key to why it has no effect on results, there or here.
        refused: Key to why it has no counterpart; such a config does not load.
        last: The key that was looked at last.
    """

    exact: dict[str, str] = field(default_factory=dict)
    inexact: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    last: str = ''


class Part:
    """Part of a foreign config, whose keys are taken one by one; what is left over is refused.

    Args:
        config: The part.
        where: Its dotted key there; empty for the whole.
        notes: Get what becomes of each key.

    Attributes:
        type: Its ``type``; empty if it has none.
        kind: The same without a scope such as ``mmpretrain.``.
        left: Keys that are not taken yet.

    Raises:
        ValueError: If it is no dict.
    """

    def __init__(self, config: Mapping[str, Any], where: str, notes: MigrationNotes) -> None:
        if not isinstance(config, Mapping):
            raise ValueError(f'{where} is {config!r:.99}, expected a dict; fix it in the config')
        self.left = dict(config)
        self.where = where
        self.notes = notes
        self.type = str(self.left.pop('type', ''))
        self.kind = self.type.rpartition('.')[2]

    def place(self, key: str) -> str:
        """Returns the dotted key of an entry."""
        self.notes.last = f'{self.where}.{key}' if self.where else key
        return self.notes.last

    def part(self, key: str) -> Part:
        """Returns the part below an entry, which is empty without one."""
        return Part(self.left.pop(key, None) or {}, self.place(key), self.notes)

    def parts(self, key: str) -> list[Part]:
        """Returns the parts below an entry that is a list of them, or one."""
        value, place = self.left.pop(key, None) or (), self.place(key)
        if isinstance(value, Mapping):
            return [Part(value, place, self.notes)]
        if not isinstance(value, (list, tuple)):
            raise ValueError(f'{place} is {value!r:.99}, expected dicts; fix it in the config')
        return [Part(one, f'{place}.{i}', self.notes) for i, one in enumerate(value)]

    def is_in(self, registry: Registry) -> bool:
        """Whether the type is the name of a class that is registered here."""
        return bool(self.kind) and registry.get(self.kind) is not None

    def note_kind(self, ours: str, inexact: str = '') -> None:
        """Notes what the type is here, and how that differs if it does."""
        if self.kind:
            self._note('type', ours, inexact)

    def take(
        self, key: str, default: Any = None, to: str = '', inexact: str = '', like: Any = None
    ) -> Any:
        """Returns an entry, noted as exact unless ``inexact`` says how it differs.

        One of another kind than its default is refused; the default is returned then.

        Args:
            key: The entry.
            default: What is returned without it, or where it is None.
            to: What it is called here; empty for the same.
            inexact: How its effect differs.
            like: A value of its kind, where the default is none.
        """
        if key not in self.left:
            return default
        value, like = self.left.pop(key), default if like is None else like
        if value is not None and not _is_like(value, like):
            self.refuse(key, f'is {value!r:.99}, expected something like {like!r}')
            return like if default is None else default
        self._note(key, to or key, inexact)
        return default if value is None else value

    def take_size(self, key: str, default: int) -> tuple[int, ...]:
        """Returns an entry that is one number, or two, as a tuple of two."""
        if isinstance(size := self.left.get(key), int):
            self.left[key] = (size, size)
        return tuple(self.take(key, (default, default)))

    def keep(self, *keys: str) -> dict[str, Any]:
        """Returns those of the entries that are there, under the same names."""
        found = {key: self.left[key] for key in keys if key in self.left}
        for key in found:
            self.take(key)
        return found

    def keep_all(self, inexact: str = '') -> dict[str, Any]:
        """Returns all that is left, under its type."""
        self.note_kind(self.kind, inexact)
        return {'type': self.kind, **self.keep(*self.left)}

    def drop(self, why: str, *keys: str) -> None:
        """Drops entries that have no effect on results."""
        for key in keys:
            if key in self.left:
                self.notes.dropped[self.place(key)] = why
                del self.left[key]

    def expect(self, key: str, *allowed: Any, why: str = '') -> None:
        """Drops an entry that says what happens here anyway; refuses any other value."""
        is_there, value = key in self.left, self.left.pop(key, allowed[0])
        if value in allowed:
            if is_there:
                self._note(key, 'as it is here', '')
        else:
            only = f'only {allowed[0]!r} is possible here{f": {why}" if why else ""}'
            self.notes.refused[self.place(key)] = f'is {value!r}, but {only}'

    def refuse(self, key: str, why: str = NO_COUNTERPART) -> None:
        """Refuses an entry."""
        self.notes.refused[self.place(key)] = why
        self.left.pop(key, None)

    def finish(self) -> None:
        """Refuses all that is left."""
        for key in list(self.left):
            self.refuse(key)

    def _note(self, key: str, ours: str, inexact: str) -> None:
        table = self.notes.inexact if inexact else self.notes.exact
        table[self.place(key)] = f'{ours}: {inexact}' if inexact else ours


def _is_like(value: Any, example: Any) -> bool:
    """Whether a value is of the kind of another: a number, whole or not, a text, a list, a dict."""
    if isinstance(example, (list, tuple)):
        is_list = isinstance(value, (list, tuple))
        return is_list and all(_is_like(one, first) for first in example[:1] for one in value)
    kinds: tuple[type, ...] = (str, Mapping, bool, Integral, Real)
    kind = next((kind for kind in kinds if isinstance(example, kind)), object)
    return isinstance(value, Real if kind is bool else kind)
