"""A model as a recipe, which JSON can hold, and weights by name; and back."""

from typing import Any

from skabi.exceptions import ModelFileError
from skabi.files import _distributions, _modules, _objects, _plain, _weights
from skabi.files._kinds import KIND, NUMBER
from skabi.files._names import LocalNames, Names

# The first that takes a value is its kind.
_KINDS = [*_plain.KINDS, *_weights.KINDS, *_distributions.KINDS, *_modules.KINDS, *_objects.KINDS]
_BY_NAME = {kind.name: kind for kind in _KINDS}
# Deeper than any model, and not so deep that Python gives up.
_DEEPEST = 120
_MOST_NODES = 5_000_000


class Writer:
    """Turn a model into a recipe, noting its weights.

    Attributes
    ----------
    weights : dict of str to ndarray
    """

    def __init__(self):
        self.weights = {}
        self._names = LocalNames()
        # What was met, by identity: the value, so that it lives on, its node, and its number if it was met again.
        self._met = {}
        self._n_numbers = 0
        self._place = []
        # Why it cannot be done, once that is known, with the innermost place in its message.
        self._error = None

    def write_model(self, model):
        """Return the recipe of a model."""
        try:
            recipe = self.write_at(model, type(model).__name__)
            numbers = {id(node): number for _, node, number in self._met.values() if number is not None}
            recipe = _numbered(recipe, numbers)
            _checked_names(recipe)
            return recipe
        except RecursionError as error:
            raise ModelFileError("the model is nested too deep for a file.") from error

    def write(self, value):
        """Return what stands for a value."""
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            is_small = abs(value) <= _plain.LARGEST_INT
            return value if is_small else {KIND: "int", "hex": hex(value)}
        if type(value) is float:
            return _plain.write_float(value)
        if id(value) in self._met:
            return self._again(value)
        if type(value) in (dict, list):
            node: Any = {} if type(value) is dict else []
            self._met[id(value)] = value, node, None
            if type(value) is list:
                node.extend(self.write_at(item, f"[{i}]") for i, item in enumerate(value))
            else:
                node.update(_plain.write_dict(list(value.items()), self))
            return node
        kind = next(kind for kind in _KINDS if kind.takes(value))
        node = {KIND: kind.name}
        if kind.is_kept:
            self._met[id(value)] = value, node, None
        node.update(kind.write(value, self))
        return node

    def _again(self, value):
        """Return what stands for a value that was met before, and note that it was."""
        _, node, number = self._met[id(value)]
        if number is None:
            number = self._n_numbers
            self._met[id(value)] = value, node, number
            self._n_numbers += 1
        return {KIND: "same", NUMBER: number}

    def write_at(self, value, place):
        """Return what stands for a value at a place inside the last, such as ".engine_" or "[0]"."""
        self._place.append(place)
        try:
            return self.write(value)
        except ModelFileError as error:
            if self._error is None:
                self._error = ModelFileError(f"{''.join(self._place)} cannot be saved: {error}")
            raise self._error from error.__cause__
        finally:
            self._place.pop()

    def put(self, array):
        """Note weights, and return their name: the place where they were met."""
        name = place = "".join(self._place[1:])[-200:].lstrip(".") or "values"
        while name in self.weights:
            name = f"{place} {len(self.weights)}"
        self.weights[name] = array
        return name

    def name_of(self, value):
        """Return the name of a class or function."""
        name = self._names.name_of(value)
        if name is None:
            raise ModelFileError(f"{value!r} has no name. Use a function that is defined with def in a module.")
        return name


def _numbered(recipe, numbers):
    """Return a recipe in which what is met again says its number."""
    if type(recipe) is list:
        parts: list | dict = [_numbered(part, numbers) for part in recipe]
    elif type(recipe) is dict:
        parts = {key: _numbered(part, numbers) for key, part in recipe.items()}
    else:
        return recipe
    if id(recipe) not in numbers:
        return parts
    number = {NUMBER: numbers[id(recipe)]}
    if type(parts) is dict and KIND in parts:
        return parts | number
    return {KIND: type(recipe).__name__, **number, "items": parts}


class Reader:
    """Turn a recipe and weights into a model.

    Parameters
    ----------
    weights : dict of str to ndarray
    names : Names
        What the names in the recipe stand for.
    """

    def __init__(self, weights, names: Names):
        self.names = names
        self._weights = dict(weights)
        self._made: dict = {}

    def read_model(self, recipe):
        """Return the model of a recipe."""
        self.names.check(_checked_names(recipe))
        model = self.read(recipe)
        if self._weights:
            raise ModelFileError(f"nothing asks for the weights {', '.join(sorted(self._weights))[:200]}.")
        return model

    def read(self, recipe):
        """Return the value that a part of a recipe stands for."""
        if type(recipe) is list:
            return [self.read(part) for part in recipe]
        if type(recipe) is not dict:
            return recipe
        if KIND not in recipe:
            return {key: self.read(part) for key, part in recipe.items()}
        name = recipe[KIND]
        if name == "same":
            return self._same(recipe)
        kind = _BY_NAME.get(name) if type(name) is str else None
        if kind is None:
            raise ModelFileError(f"a recipe has nothing of the kind {str(name)[:100]!r}.")
        fields = set(recipe) - {KIND, NUMBER}
        if not set(kind.fields) <= fields <= {*kind.fields, *kind.optional}:
            raise ModelFileError(
                f"a {name!r} must have {', '.join(kind.fields) or 'something'}; the file has "
                f"{', '.join(sorted(fields))[:200] or 'nothing'}."
            )
        value = kind.read(recipe, self)
        if NUMBER in recipe and self._made.setdefault(recipe[NUMBER], value) is not value:
            raise ModelFileError(f"two parts of the recipe have the number {recipe[NUMBER]}.")
        return value

    def keep(self, node, value):
        """Return a value whose parts are read next, noting it for what is inside of it and refers to it."""
        if NUMBER in node:
            if node[NUMBER] in self._made:
                raise ModelFileError(f"two parts of the recipe have the number {node[NUMBER]}.")
            self._made[node[NUMBER]] = value
        return value

    def _same(self, recipe):
        if set(recipe) != {KIND, NUMBER} or recipe[NUMBER] not in self._made:
            raise ModelFileError("a part of the recipe refers to one that does not come before it.")
        return self._made[recipe[NUMBER]]

    def take(self, name):
        """Return weights by name; each are asked for once."""
        if name not in self._weights:
            raise ModelFileError(f"there are no weights {name[:200]!r}, or they are asked for twice.")
        return self._weights.pop(name)


def _checked_names(recipe):
    """Return the names of classes and functions in a recipe, which must not be deeper or larger than models are."""
    names, left, n_nodes = [], [(recipe, 0)], 0
    while left:
        part, depth = left.pop()
        n_nodes += 1
        if depth > _DEEPEST or n_nodes > _MOST_NODES:
            raise ModelFileError(f"the recipe has more than {_DEEPEST} levels or {_MOST_NODES:,} parts.")
        if type(part) is dict:
            names += _objects.names_in(part)
        if type(part) in (dict, list):
            left += [(inner, depth + 1) for inner in (part.values() if type(part) is dict else part)]
    return names
