"""Which fields speak for a row's score: integrated gradients (Sundararajan et al. 2017).

Letters: B rows, F categorical fields, N numeric fields, as in `nightshelf.ctr.batch`.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nightshelf.ctr.architecture import Network
from nightshelf.ctr.batch import Batch
from nightshelf.errors import ConfigError
from nightshelf.fields import Inputs, Rows

STEPS = 20
"""Points of the integral, by Gauss and Legendre."""

BATCH = 400
"""Rows at a time; a network sees `STEPS` times as many."""

Lookup = Callable[[Rows], Batch]


def top_features(
    network: Network,
    lookup: Lookup,
    rows: Rows,
    n: int,
    *,
    inputs: Inputs,
    task: int = 0,
    left_out: Collection[str] = (),
) -> list[list[str]]:
    """The names of the n fields that raise each row's logit most, the strongest first.

    Fewer than n where fewer speak for it. `lookup` encodes rows as the network reads them, from
    the embedding table, on the network's device. `left_out` are names never to be given, such as
    that of the position. A history is given by the name `recent`.
    Raises ConfigError where captum, of the extra `explain`, is not installed.
    """
    told, names = attributions(network, lookup, rows, inputs=inputs, task=task)
    kept = [place for place, name in enumerate(names) if name not in left_out]
    told = told[:, kept]
    order = np.argsort(-told, axis=1, kind="stable")[:, :n]
    return [
        [names[kept[place]] for place in best if values[place] > 0]
        for best, values in zip(order, told, strict=True)
    ]


def attributions(
    network: Network, lookup: Lookup, rows: Rows, *, inputs: Inputs, task: int = 0
) -> tuple[NDArray[np.float32], list[str]]:
    """By how much each field moves a row's logit from that of a row of which nothing is known.

    The base row has unknown ids (0), numbers 0, vectors 0, and a history of unknown items. Returns
    the attributions (B, fields) and the fields' names: categorical, numeric, vectors, `recent`. A
    row's attributions add up to the difference of the logits, but for the integral's error.
    """
    rows = rows.whole()
    names = [*inputs.categorical_columns, *inputs.numeric_columns]
    names += [vector.name for vector in inputs.vectors] + ["recent"] * bool(inputs.history)
    was_training = network.training
    network.eval()
    try:
        parts = [
            _attributed(network, lookup, rows.take(slice(start, start + BATCH)), inputs, task)
            for start in range(0, len(rows), BATCH)
        ]
    finally:
        network.train(was_training)
    if not parts:
        return np.zeros((0, len(names)), np.float32), names
    return np.concatenate(parts), names


def _attributed(
    network: Network, lookup: Lookup, rows: Rows, inputs: Inputs, task: int
) -> NDArray[np.float32]:
    batch, base = _without_gradients(lookup(rows)), _without_gradients(lookup(_blank(rows)))
    moved = ["fields", *(name for name, has in _optional(inputs) if has)]
    held = [name for name in ("mask", "history_types", "history_ages") if inputs.history]
    target = _target_place(inputs)

    def logits(*tensors: Tensor) -> Tensor:
        told = replace(batch, **dict(zip([*moved, *held], tensors, strict=True)))
        told = told if target is None else replace(told, target=told.fields[:, target])
        scores: Tensor = network(told)
        return scores[:, task]

    method = _integrated_gradients()(logits)
    found = method.attribute(
        tuple(getattr(batch, name) for name in moved),
        baselines=tuple(getattr(base, name) for name in moved),
        additional_forward_args=tuple(getattr(batch, name) for name in held) or None,
        n_steps=STEPS,
    )
    by_name = dict(zip(moved, found, strict=True))
    return torch.cat(list(_by_field(by_name, inputs)), dim=1).float().cpu().numpy()


def _by_field(found: dict[str, Tensor], inputs: Inputs) -> list[Tensor]:
    """Attributions of tensors' elements -> of fields, each (B, fields of a kind)."""
    told = [found["fields"].sum(2)]
    if "numbers" in found:
        told.append(found["numbers"])
    if "vectors" in found:
        widths = [vector.width for vector in inputs.vectors]
        parts = torch.split(found["vectors"], widths, dim=1)
        told += [part.sum(1, keepdim=True) for part in parts]
    if "history" in found:
        told.append(found["history"].sum((1, 2)).unsqueeze(1))
    return told


def _optional(inputs: Inputs) -> list[tuple[str, bool]]:
    return [
        ("numbers", bool(inputs.numeric)),
        ("vectors", bool(inputs.vectors)),
        ("history", inputs.history is not None),
    ]


def _target_place(inputs: Inputs) -> int | None:
    """The place of the field whose vector is the target: it moves as that field's does."""
    history = inputs.history
    return inputs.categorical_columns.index(history.field) if history else None


def _blank(rows: Rows) -> Rows:
    """Rows of which nothing is known."""
    return Rows(*(np.zeros_like(array) for array in rows.arrays()))


def _without_gradients(batch: Batch) -> Batch:
    told = {name: value.detach() for name, value in vars(batch).items() if value is not None}
    return replace(batch, **told)


def check_installed() -> None:
    """Raises ConfigError where captum, of the extra `explain`, is not installed."""
    _integrated_gradients()


def _integrated_gradients() -> Any:
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise ConfigError(
            "explain: expected captum, of the extra `explain`, found none; install "
            "nightshelf[explain], or set recommend.explain to 0"
        ) from None
    return IntegratedGradients
