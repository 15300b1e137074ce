"""Values sent to every executor."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from pyspark import Broadcast, SparkContext
from pyspark.serializers import CPickleSerializer

T = TypeVar("T")


def send(spark: SparkContext, value: T) -> Broadcast[T]:
    """Spark's broadcast, also where it encrypts what lies on disks (`spark.io.encryption.enabled`).

    PySpark hands its encryption a value piece by piece as it is pickled, and fails at an array of
    64 KB or more; one string of bytes passes.
    """
    if not getattr(spark, "_encryption_enabled", False):
        return spark.broadcast(value)
    return cast("Broadcast[T]", spark.broadcast(_Whole(value)))


class _Whole(Generic[T]):
    """Becomes bytes at once when it is pickled, and the value itself when it is read."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        serializer = CPickleSerializer()
        return serializer.loads, (serializer.dumps(self._value),)  # type: ignore[no-untyped-call]
