"""Config overrides from the command line: ``--cfg-options KEY=VALUE ...``."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from typing import Any

CONSTANTS = {'true': True, 'false': False, 'none': None, 'null': None}


class ConfigOptions(argparse.Action):
    """Argparse action: ``KEY=VALUE`` words become a dict; the flag may be given several times."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Adds the words of one flag."""
        options = dict(getattr(namespace, self.dest) or {})
        for word in values or ():
            key, equals, text = word.partition('=')
            if not (key and equals):
                parser.error(f"--cfg-options got '{word}', expected KEY=VALUE without spaces")
            options[key] = parse_value(text)
        setattr(namespace, self.dest, options)


def parse_value(text: str) -> Any:
    """Returns the value of an override.

    A Python literal is taken as such, also with ``dict(type=...)`` calls in it as configs have
    them; ``true``, ``false``, ``none`` in any case are constants; ``a,b`` and ``[a,b]`` are lists
    and ``(a,b)`` is a tuple, of texts where an entry is nothing else, as in mmengine; anything
    else is the text itself.
    """
    if not text or text.lower() in CONSTANTS:
        return CONSTANTS.get(text.lower(), text)
    try:
        return evaluate_literal(ast.parse(text, mode='eval').body)
    except (SyntaxError, ValueError):
        pass
    if text[0] + text[-1] in ('[]', '()') and (parts := _split(text[1:-1])) is not None:
        values = [parse_value(part) for part in parts]
        return values if text[0] == '[' else tuple(values)
    if ',' in text and not set(text) & set('()[]{}\'"'):
        return [parse_value(part) for part in text.split(',') if part]
    return text


def _split(text: str) -> list[str] | None:
    """Returns what commas outside of brackets and quotes part; None where these do not close."""
    parts, open_brackets, quote = [''], '', ''
    for mark in text:
        if mark == ',' and not open_brackets and not quote:
            parts.append('')
            continue
        parts[-1] += mark
        if quote or mark in '\'"':
            quote = '' if mark == quote else quote or mark
        elif mark in '([{':
            open_brackets += mark
        elif mark in ')]}':
            if open_brackets[-1:] + mark not in ('()', '[]', '{}'):
                return None
            open_brackets = open_brackets[:-1]
    parts = [part.strip() for part in parts]
    return None if open_brackets or quote else parts[: len(parts) - (not parts[-1])]


def evaluate_literal(node: ast.expr) -> Any:
    """Returns the value of literals, ``dict`` calls and bare names, which are texts.

    Raises:
        ValueError: If it is anything else; nothing is executed.
    """
    if isinstance(node, ast.Name):
        return CONSTANTS.get(node.id.lower(), node.id)
    if isinstance(node, ast.Call):
        if not (isinstance(node.func, ast.Name) and node.func.id == 'dict') or node.args:
            raise ValueError('only dict(key=value, ...) can be called')
        return {str(word.arg): evaluate_literal(word.value) for word in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [evaluate_literal(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        keys = [evaluate_literal(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(evaluate_literal, node.values), strict=True))
    return ast.literal_eval(node)
