"""Parameters of recipes inside an estimator."""

from sklearn.base import BaseEstimator

from skabi.estimators._checks import RECIPES
from skabi.files._savable import Savable


class NestedRecipes(Savable, BaseEstimator):
    """Base class of estimators that hold recipes: what to do where a recipe is None."""

    def set_params(self, **params):
        """Set parameters of this estimator and, as in `engine__n_transforms`, of its recipes.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a name is unknown, or is that of a recipe's parameter while the recipe is None.
        """
        for name in params:
            recipe, _, parameter = name.partition("__")
            if parameter and recipe in RECIPES and params.get(recipe, getattr(self, recipe, None)) is None:
                raise ValueError(
                    f"{name} cannot be set while {recipe} is None. Name the recipe first: "
                    f"{type(self).__name__}({recipe}={RECIPES[recipe][1]})."
                )
        return super().set_params(**params)
