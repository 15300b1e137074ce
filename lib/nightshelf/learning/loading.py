"""Models as Spark's tasks use them: loaded once a worker process."""

from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

Model = TypeVar("Model")
Model_co = TypeVar("Model_co", covariant=True)


class Loader(Protocol[Model_co]):
    """Loads a model in a worker process. Travels to the executors, so it has to pickle."""

    @property
    def key(self) -> str:
        """Names the model: a process loads one of a name once."""

    def __call__(self) -> Model_co:
        """The model."""


@dataclass(frozen=True)
class Held(Generic[Model]):
    """A loader of a model that no file keeps: the model travels to the executors itself."""

    key: str
    model: Model

    def __call__(self) -> Model:
        """The model."""
        return self.model


_LOADED: Final[dict[str, Any]] = {}


def loaded(load: Loader[Model]) -> Model:
    """The model, from the process's memory where it is there."""
    if load.key not in _LOADED:
        _LOADED.clear()  # a worker serves one model at a time
        _LOADED[load.key] = load()
    model: Model = _LOADED[load.key]
    return model
