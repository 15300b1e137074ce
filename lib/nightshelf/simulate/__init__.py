"""A simulated shop whose truth is known: what users love, what items are worth, who looks where."""
