"""The networks by name, each put together from the shared layers."""

from collections.abc import Callable
from typing import Final

from nightshelf.ctr.architecture import Architecture, Network
from nightshelf.ctr.field_layers import FieldVectors, history_mean
from nightshelf.ctr.layers import MLP, AttentionUnit, BilinearFusion, CrossNetwork
from nightshelf.ctr.models.dcn_v2 import DCNv2
from nightshelf.ctr.models.deepfm import DeepFM
from nightshelf.ctr.models.din import DIN
from nightshelf.ctr.models.final_mlp import FinalMLP
from nightshelf.ctr.models.fm import FM
from nightshelf.ctr.models.lr import LR
from nightshelf.ctr.models.two_tower import TwoTower
from nightshelf.errors import ConfigError
from nightshelf.fields import Inputs

__all__ = ["TWO_TOWER", "Architecture", "Network", "build"]

TWO_TOWER: Final = "two_tower"


def build(config: Architecture, inputs: Inputs) -> Network:
    """A new network for the inputs, its weights drawn by torch's generator.

    Raises ConfigError where the name is none of ours, or sizes do not fit each other.
    """
    if config.name not in MODELS:
        raise ConfigError(
            f"model: expected one of {', '.join(sorted(MODELS))}, found {config.name!r}; "
            "set ctr.model to one of them"
        )
    return MODELS[config.name](config, inputs)


def _lr(config: Architecture, inputs: Inputs) -> Network:
    return LR(inputs)


def _fm(config: Architecture, inputs: Inputs) -> Network:
    return FM(inputs, embedding=config.embedding)


def _deepfm(config: Architecture, inputs: Inputs) -> Network:
    fields = FieldVectors(inputs, config.embedding)
    return DeepFM(inputs, fields=fields, mlp=_mlp(config, fields.flat))


def _dcn_v2(config: Architecture, inputs: Inputs) -> Network:
    fields = FieldVectors(inputs, config.embedding)
    return DCNv2(
        fields=fields,
        cross=CrossNetwork(fields.flat, config.cross_layers),
        mlp=_mlp(config, fields.flat),
        tasks=len(inputs.tasks),
    )


def _din(config: Architecture, inputs: Inputs) -> Network:
    width, history = config.embedding, inputs.history
    fields = FieldVectors(inputs, width, with_history=False)
    attention = None
    if history:
        attention = AttentionUnit(width, config.attention, types=history.types, ages=history.ages)
    return DIN(
        fields=fields,
        pool=history_mean(history),
        attention=attention,
        mlp=_mlp(config, fields.flat + (2 * width if history else 0)),
        tasks=len(inputs.tasks),
    )


def _final_mlp(config: Architecture, inputs: Inputs) -> Network:
    fields = FieldVectors(inputs, config.embedding)
    streams = (_mlp(config, fields.flat), _mlp(config, fields.flat))
    if streams[0].out % config.heads:
        raise ConfigError(
            f"final_mlp: {config.heads} heads do not divide the last hidden layer's "
            f"{streams[0].out} numbers; change ctr.hidden"
        )
    left, right = (_place(inputs, config.gates, n) for n in range(2))
    return FinalMLP(
        fields=fields,
        contexts=(left, right),
        streams=streams,
        fusion=BilinearFusion(
            streams[0].out, streams[1].out, heads=config.heads, tasks=len(inputs.tasks)
        ),
    )


def _two_tower(config: Architecture, inputs: Inputs) -> Network:
    return TwoTower(
        config,
        inputs,
        users=config.users,
        items=config.items,
        temperature=config.temperature,
    )


def _mlp(config: Architecture, width: int) -> MLP:
    return MLP(width, config.hidden, dropout=config.dropout, norm=config.norm)


def _place(inputs: Inputs, gates: tuple[str, ...], n: int) -> int | None:
    """The place among the categorical fields of the n-th gate's field, if there is one."""
    names = inputs.categorical_columns
    return names.index(gates[n]) if n < len(gates) and gates[n] in names else None


MODELS: Final[dict[str, Callable[[Architecture, Inputs], Network]]] = {
    "lr": _lr,
    "fm": _fm,
    "deepfm": _deepfm,
    "dcn_v2": _dcn_v2,
    "din": _din,
    "final_mlp": _final_mlp,
    TWO_TOWER: _two_tower,
}
