"""The learning rate of a step."""


def rate(step: int, steps: int, highest: float, *, warm_up: float, final: float) -> float:
    """Of a step, counted from 0, of all steps.

    It grows in a line over the first `warm_up` of them, then falls in a line to `final` of its
    highest.
    """
    rising = int(warm_up * steps)
    if step < rising:
        return highest * (step + 1) / (rising + 1)
    left = 1.0 - (step - rising) / max(1, steps - rising)
    return highest * (final + (1.0 - final) * left)
