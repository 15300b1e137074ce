"""Reads the configuration: defaults < file < `--set`, refused with the key's path when wrong."""

import difflib
import functools
import hashlib
import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from operator import getitem
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nightshelf.config.operating import AuditsConfig
from nightshelf.config.sections import Config
from nightshelf.errors import ConfigError, MissingInputError

Tree = dict[str, Any]

NO_RESULT = ("warehouse", "spark", "logging", "audits", "maintenance", "tracking")
"""Sections that change no row of a table."""


def load(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """The configuration of `path` (None: defaults only) with `overrides` such as `item_cf.k=100`.

    Raises ConfigError for anything wrong in it, MissingInputError where there is no such file.
    """
    tree: Tree = {} if path is None else _read(Path(path))
    origin = "defaults" if path is None else str(path)
    for override in overrides:
        _apply(tree, override)
        origin = f"{path or 'defaults'} with --set"
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_describe(error)}") from None


def config_hash(config: Config, *keys: str) -> str:
    """Sixteen hex digits that change with any of `keys`, or with any that changes results.

    keys: sections, and single keys such as recommend.k.
    """
    told = config.model_dump(mode="json", exclude=set(NO_RESULT))
    chosen = {key: functools.reduce(getitem, key.split("."), told) for key in keys or told}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def decisive(config: Config) -> str:
    """The sections that change results, as YAML: what a run is rebuilt from by `as_it_was`."""
    told = config.model_dump(exclude=set(NO_RESULT))
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)


def as_it_was(told: str, now: Config) -> Config:
    """The configuration of a past run by its `decisive` sections; the others are those of `now`.

    Without audits and maintenance: what was published once is not held back again, nor does it
    expire. Raises ConfigError where it has keys that are known no more.
    """
    here = now.model_dump(include=set(NO_RESULT) - {"audits", "maintenance"})
    free = {name: None for name, field in AuditsConfig.model_fields.items() if _may_be_null(field)}
    try:
        return Config.model_validate({**_parse(told, "a run"), **here, "audits": free})
    except ValidationError as error:
        raise ConfigError(f"the recorded configuration: {_describe(error)}") from None


def _may_be_null(field: FieldInfo) -> bool:
    return type(None) in typing.get_args(field.annotation)


def known_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Every key of the configuration as a dotted path."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for inner in _models_in(field.annotation):
            yield from known_keys(inner, f"{prefix}{name}.")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _read(path: Path) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInputError(
            f"{path}: no such config file; conf/ holds examples, conf/base.yaml every key"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    tree = _parse(text, str(path))
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected keys and values, found a {type(tree).__name__}")
    return tree


def _parse(text: str, origin: str) -> Any:
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.TagToken):
                line = token.start_mark.line + 1
                raise ConfigError(
                    f"{origin}: line {line}: the YAML tag {''.join(filter(None, token.value))} is "
                    "refused: a config holds plain values only; remove the tag"
                )
        return yaml.load(text, Loader=_NoDuplicates)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-02-30
        raise ConfigError(f"{origin}: not YAML: {' '.join(str(error).split())}") from None


class _NoDuplicates(yaml.SafeLoader):
    """A key given twice is a mistake that plain YAML hides."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.YAMLError(
                    f"the key '{key}' is given twice, again in line {key_node.start_mark.line + 1}"
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


def _apply(tree: Tree, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: expected KEY=VALUE, such as item_cf.k=100")
    *parents, last = key.strip().split(".")
    here = tree
    for parent in parents:
        inner = here.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {override}: '{parent}' holds a value, not keys")
        here = inner
    here[last] = _parse(text, f"--set {key}")


def _describe(error: ValidationError) -> str:
    # Of a union's branches, the one that got furthest into the value is the one that was meant.
    first = max(error.errors(include_url=False), key=lambda e: len(e["loc"]))
    key = ".".join(str(part) for part in first["loc"] if not _is_branch(part))
    if first["type"] == "extra_forbidden":
        what = f"{key}: unknown key{_nearest(key)}"
    elif first["type"] == "literal_error":
        what = f"{key}: {first['input']!r} is not known here{_nearest_value(first)}"
    else:
        message = first["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        found = first["input"]
        shown = f", found {_short(found)}" if not isinstance(found, dict | list | tuple) else ""
        what = f"{key}: {message}{shown}" if key else message
    return what


def _is_branch(part: int | str) -> bool:
    """Whether pydantic put the part there to name a branch of a union, not a key of the file."""
    return isinstance(part, str) and (
        part in {"str", "ColumnSpec", "JoinedSpec", "[key]"} or "[" in part
    )


def _nearest(key: str) -> str:
    keys = list(known_keys())
    parent, _, name = key.rpartition(".")
    plain_parent = ".".join(part for part in parent.split(".") if not part.isdigit())
    siblings = [k for k in keys if k.rpartition(".")[0] == plain_parent]
    by_name = {k.rpartition(".")[2]: k for k in reversed(keys)}
    near = difflib.get_close_matches(f"{plain_parent}.{name}".strip("."), siblings, 1, 0.6)
    if not near:
        near = [by_name[n] for n in difflib.get_close_matches(name, list(by_name), 1, 0.7)]
    if not near:
        near = difflib.get_close_matches(key, keys, 1, 0.0)
    return f"; nearest known key: {near[0]}" if near else ""


def _nearest_value(error: ErrorDetails) -> str:
    expected = error["ctx"]["expected"]
    near = difflib.get_close_matches(
        str(error["input"]), re.findall(r"'([^']*)'", expected), 1, 0.5
    )
    nearest = f"; nearest: {near[0]}" if near else ""
    return f"{nearest}; expected {expected}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
