"""Keys that Spark's hash partitioning puts where they are wanted."""

_WORD = 0xFFFFFFFF
_SEED = 42


def part_keys(partitions: int) -> list[int]:
    """INT keys of which the n-th goes to partition n of `repartition(partitions, key)`.

    A few heavy keys hashed at random leave some partitions with two and some with none.
    """
    keys: dict[int, int] = {}
    key = 0
    while len(keys) < partitions:
        keys.setdefault(spark_hash(key) % partitions, key)
        key += 1
    return [keys[n] for n in range(partitions)]


def spark_hash(value: int) -> int:
    """Spark SQL's `hash` of one non-negative INT: Murmur3 x86 32-bit of its four bytes, seed 42."""
    mixed = _rotated(value * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD
    state = (_rotated(_SEED ^ mixed, 13) * 5 + 0xE6546B64) & _WORD
    state ^= 4
    state = (state ^ state >> 16) * 0x85EBCA6B & _WORD
    state = (state ^ state >> 13) * 0xC2B2AE35 & _WORD
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD
