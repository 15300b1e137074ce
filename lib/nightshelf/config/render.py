"""The configuration as YAML: resolved for `--print-config`, with comments for conf/base.yaml."""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from nightshelf.config.sections import Config

HEADER = """\
# Every key with its default. Made from the definitions in lib/nightshelf/config by `make conf`:
# change a default there, and put a shop's own values into a file of its own.
"""


def resolved(config: Config) -> str:
    """The configuration with every key that it holds, as YAML that `load` reads back."""
    return yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True, width=100)


def properties(config: Config) -> str:
    """The Spark settings of a configuration as a file for `spark-submit --properties-file`."""
    told = sorted(config.spark.conf.items())
    return "".join(f"{name} {value}\n" for name, value in told).replace("\\", r"\\")


def base() -> str:
    """The text of conf/base.yaml."""
    return HEADER + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    for name, section in Config.model_fields.items():
        yield f"{name}:"
        yield from (f"  {line}" for line in _keys(section.default))


def _keys(section: BaseModel) -> Iterator[str]:
    """A line a key with its default and meaning, and more for what is made of keys itself."""
    defaults = _plain(section)
    for key, field in type(section).model_fields.items():
        told, comment = defaults[key], f"  # {field.description}"
        if isinstance(field.default, BaseModel):
            yield f"{key}:{comment}"
            yield from (f"  {line}" for line in _keys(field.default))
        elif lines := _lines(told):
            yield f"{key}:{comment}"
            yield from (f"  {line}" for line in lines)
        else:
            flow = yaml.safe_dump({key: told}, default_flow_style=None, sort_keys=False, width=1000)
            shown = flow.strip().removeprefix("{").removesuffix("}") if flow[0] == "{" else flow
            yield f"{shown.strip()}{comment}"


def _lines(value: Any) -> list[str]:
    """A list of keys, or a map of lists, an entry a line; none of other values."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [f"- {_in_flow(entry)}" for entry in value]
    if isinstance(value, dict) and any(isinstance(own, list) for own in value.values()):
        return [_in_flow({name: own})[1:-1] for name, own in value.items()]
    return []


def _in_flow(value: Any) -> str:
    dumped = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return str(dumped).strip()


def _plain(value: Any) -> Any:
    """Models and tuples as YAML's own kinds; dates stay dates, to be read back as such."""
    if isinstance(value, BaseModel):
        return {key: _plain(inner) for key, inner in value}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value
