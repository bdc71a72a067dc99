"""What every problem of this room is: a simulator that is made by a call without functions."""

import inspect

from skabi.simulators import Simulator


class Problem(Simulator):
    """A simulator whose constructor takes numbers only and keeps each as the attribute of that name.

    Its repr is the call that makes it, without the arguments that have their default.
    """

    def __repr__(self):
        parameters = inspect.signature(type(self)).parameters
        values = {name: getattr(self, name) for name in parameters}
        given = [f"{name}={value!r}" for name, value in values.items() if value != parameters[name].default]
        return f"{type(self).__name__}({', '.join(given)})"
