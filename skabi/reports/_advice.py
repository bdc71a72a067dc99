"""What to try: sentences that take into account how the posterior was trained, and on what it is judged."""

_LONGER = "longer training (max_iter, n_iter_no_change)"
_MORE = "more simulations (n_simulations)"


def for_training(case, *others):
    """Return what may help, first longer training, unless that ended because it no longer did."""
    first = [_MORE] if case.subject.is_trained_out else [_LONGER, _MORE]
    return listed(*first, *others)


def for_shift(case):
    """Return what helps against posteriors in the wrong place."""
    origin = "" if case.simulator is not None else "Make sure that y comes from the prior of fit, in the same units. "
    return origin + for_training(case, "a more flexible engine")


def listed(*things):
    """Return a sentence of things in order."""
    text = "; then ".join([things[0], ", ".join(things[1:])] if things[1:] else things)
    return f"{text[0].upper()}{text[1:]}."
