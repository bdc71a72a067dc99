"""Labels of models in passes of training, and models as they are given."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import column_or_1d


def models_of(X, y):
    """Return the models that `fit(X, y)` was given as a dict of label to simulator, or None for data sets."""
    if y is not None or not isinstance(X, (Mapping, list, tuple)):
        return None
    return X if isinstance(X, Mapping) else dict(enumerate(X))


def check_classes_of_passes(classes, known):
    """Return the labels of all models, which are those of earlier passes or fits, `known`, if there were any.

    Raises
    ------
    ValueError
        If there are fewer than two, none is given in the first pass, or others later.
    """
    if classes is None:
        if known is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: the labels of all models, of which y may "
                "have some alone."
            )
        return known
    classes = np.unique(column_or_1d(classes))
    if known is not None:
        if not np.array_equal(classes, np.unique(known)):
            raise ValueError(
                f"partial_fit goes on with the models {known.tolist()}; got classes={classes.tolist()}. Use a clone."
            )
        return known
    if len(classes) < 2:
        raise ValueError(f"a comparison needs at least two classes (models); got classes={classes.tolist()}.")
    return classes


def index_of(y, classes):
    """Return the place in `classes` of each label of y, `(n_datasets,)`, as floats."""
    places = {label: place for place, label in enumerate(classes.tolist())}
    unknown = [label for label in np.unique(y).tolist() if label not in places]
    if unknown:
        raise ValueError(f"y must have labels of the models {classes.tolist()}; got {unknown}.")
    return np.array([places[label] for label in y.tolist()], dtype=float)
