"""What many tasks return, from the workers of any joblib backend."""

import joblib


def results(tasks, *, n_jobs, in_order=True, batch_size="auto"):
    """Yield what `tasks`, calls made by `joblib.delayed`, return.

    They come while others still run, in their own order or in that in which they end; from a backend that does not
    know how, such as Ray's, all at the end.
    """
    kind = "generator" if in_order else "generator_unordered"
    try:
        parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=batch_size, return_as=kind)
    except ValueError:
        parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=batch_size)
    yield from parallel(tasks)
