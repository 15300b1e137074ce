"""Sums that do not depend on the order of the rows.

A floating-point sum changes in its last bits with the order in which a shuffle delivers the rows,
and a list ordered by such sums can change from one run to the next. Adding fixed-point integers is
exact and associative.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F


def exact_sum(column: Column, bits: int = 30) -> Column:
    """Aggregate: the sum of `column` as DOUBLE, each value first rounded to a multiple of 2**-bits.

    The absolute sum must stay below 2**(63 - bits); beyond it Spark raises ARITHMETIC_OVERFLOW.
    """
    scale = float(1 << bits)
    return F.sum(F.round(column * scale).cast("bigint")) / F.lit(scale)
