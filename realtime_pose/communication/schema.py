"""Checks values against the JSON schema files that ship, without a library.

Knows the keywords that these two files use, and refuses a file with others.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

KEYWORDS = frozenset(
    '$schema $id $defs $ref title description type const anyOf required properties items '  # noqa: SIM905
    'additionalProperties minItems maxItems maxProperties maxLength minimum maximum'.split()
)
TYPES: dict[str, type] = {'object': dict, 'array': list, 'string': str, 'null': type(None)}

Schema = dict[str, Any]


@cache
def load_schema(name: str) -> Schema:
    """Returns a schema of this folder: ``message`` (version 2) or ``packet`` (version 1)."""
    path = Path(__file__).with_name(f'{name}.schema.json')
    return dict(json.loads(path.read_text(encoding='utf-8')))


def find_violation(value: Any, schema: Schema, root: Schema, where: str = 'message') -> str | None:
    """Returns the first thing that is wrong with a value, None if nothing is.

    Args:
        value: What ``json.loads`` gives.
        schema: The part of the schema that describes it.
        root: The whole schema, where ``$ref`` leads into.
        where: Name of the value in the answer.
    """
    assert schema.keys() <= KEYWORDS, schema.keys() - KEYWORDS
    if '$ref' in schema:
        return find_violation(value, root['$defs'][schema['$ref'].split('/')[-1]], root, where)
    if 'anyOf' in schema:
        found = [find_violation(value, option, root, where) for option in schema['anyOf']]
        return None if None in found else found[-1]
    if 'const' in schema and value != schema['const']:
        return f'{where} is {_shown(value)}, expected {schema["const"]!r}'
    expected = schema.get('type', [])
    expected = [expected] if isinstance(expected, str) else expected
    if expected and not any(_is_type(value, name) for name in expected):
        return f'{where} is {_shown(value)}, expected {" or ".join(expected)}'
    if isinstance(value, dict):
        return _object_violation(value, schema, root, where)
    if isinstance(value, list):
        return _array_violation(value, schema, root, where)
    if isinstance(value, str):
        return _range_violation(len(value), schema, 'Length', f'the length of {where}')
    if isinstance(value, int | float):
        return _range_violation(value, schema, 'imum', where)
    return None


def _object_violation(
    value: dict[str, Any], schema: Schema, root: Schema, where: str
) -> str | None:
    known = schema.get('properties', {})
    missing = [name for name in schema.get('required', ()) if name not in value]
    if missing:
        return f'{where} lacks the field {missing[0]!r}'
    problem = _range_violation(len(value), schema, 'Properties', f'the number of fields of {where}')
    if problem:
        return problem
    others = schema.get('additionalProperties', True)
    for name, entry in value.items():
        rule = known.get(name, others)
        if rule is False:
            return f'{where} has the unknown field {_shown(name)}'
        found = rule is not True and find_violation(entry, rule, root, f'{where}.{name[:40]}')
        if found:
            return found
    return None


def _array_violation(value: list[Any], schema: Schema, root: Schema, where: str) -> str | None:
    problem = _range_violation(len(value), schema, 'Items', f'the length of {where}')
    if problem or 'items' not in schema:
        return problem
    found = (
        find_violation(entry, schema['items'], root, f'{where}[{i}]')
        for i, entry in enumerate(value)
    )
    return next((problem for problem in found if problem), None)


def _range_violation(number: float, schema: Schema, suffix: str, where: str) -> str | None:
    lowest, highest = schema.get(f'min{suffix}'), schema.get(f'max{suffix}')
    if lowest is not None and number < lowest:
        return f'{where} is {number}, expected at least {lowest}'
    if highest is not None and number > highest:
        return f'{where} is {number}, expected at most {highest}'
    return None


def _is_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):  # which is an int in Python, and no number in JSON
        return False
    if name == 'integer':
        return isinstance(value, int)
    if name == 'number':
        return isinstance(value, int | float)
    return isinstance(value, TYPES[name])


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f'{text[:37]}...'
