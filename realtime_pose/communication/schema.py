"""Validation of messages against the JSON schema files of this folder, by ``msgspec``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union

Schema = dict[str, Any]

SCALARS = {'null': None, 'number': float, 'integer': int, 'string': str}
# Keyword of JSON schema -> argument of ``msgspec.Meta``.
NUMBER_LIMITS = {'minimum': 'ge', 'maximum': 'le'}
LENGTH_LIMITS = {
    'minItems': 'min_length',
    'maxItems': 'max_length',
    'maxProperties': 'max_length',
    'maxLength': 'max_length',
}


@cache
def load_schema(name: str) -> Schema:
    """Returns a schema of this folder: ``message`` (version 2) or ``packet`` (version 1)."""
    path = Path(__file__).with_name(f'{name}.schema.json')
    return dict(json.loads(path.read_text(encoding='utf-8')))


def validate(value: Any, name: str) -> None:
    """Validates a value against a schema.

    Args:
        value: Result of ``json.loads``.
        name: See :func:`load_schema`.

    Raises:
        ValueError: If the value does not fit; the message has the first violation and its path.
        ImportError: If the package ``msgspec`` is missing.
    """
    require_msgspec()
    import msgspec

    try:
        msgspec.convert(value, _type_of_file(name))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def require_msgspec() -> None:
    """Raises an ImportError with the way to install ``msgspec`` if it is missing."""
    try:
        import msgspec  # noqa: F401
    except ImportError:
        raise ImportError(
            'reading messages needs the package msgspec: pip install -r requirements/net.txt'
        ) from None


@cache
def _type_of_file(name: str) -> Any:
    schema = load_schema(name)
    return _type_of(schema, schema.get('$defs', {}))


def _type_of(schema: Schema, definitions: dict[str, Schema]) -> Any:
    """Returns the type that ``msgspec`` checks for a schema, of the keywords in our two files."""
    if '$ref' in schema:
        return _type_of(definitions[schema['$ref'].rpartition('/')[2]], definitions)
    if 'const' in schema:
        return Literal[schema['const']]
    kinds = schema.get('type', [])
    options = schema.get('anyOf') or [
        {**schema, 'type': kind} for kind in kinds if isinstance(kinds, list)
    ]
    if options:
        return Union[tuple(_type_of(option, definitions) for option in options)]  # noqa: UP007
    if kinds == 'array':
        found: Any = list[_type_of(schema['items'], definitions)]  # type: ignore[misc]
    elif kinds == 'object':
        found = _object_type(schema, definitions)
    else:
        found = SCALARS[kinds]
    return _limited(found, schema, NUMBER_LIMITS if found in (int, float) else LENGTH_LIMITS)


def _object_type(schema: Schema, definitions: dict[str, Schema]) -> Any:
    from msgspec import defstruct

    if 'properties' not in schema:
        others = schema.get('additionalProperties')
        return dict[str, Any if others is None else _type_of(others, definitions)]  # type: ignore[misc]
    assert schema['additionalProperties'] is False
    fields = [
        (name, _type_of(x, definitions), *[None] * (name not in schema['required']))
        for name, x in schema['properties'].items()
    ]
    return defstruct('Fields', fields, forbid_unknown_fields=True, kw_only=True)


def _limited(found: Any, schema: Schema, keywords: dict[str, str]) -> Any:
    from msgspec import Meta

    limits = {keywords[name]: limit for name, limit in schema.items() if name in keywords}
    return Annotated[found, Meta(**limits)] if limits and found is not None else found
