"""How much of what a shop has is learnt from, so that nights learn the same again."""


def learnt_from(found: int, most: int) -> int:
    """Of so many, the earliest 2^n that are learnt from, at most `most`; 0 of none.

    What is learnt from them holds until there are twice as many, so that a night that is run again,
    or later, has the same.
    """
    return (1 << min(found, most).bit_length()) >> 1
