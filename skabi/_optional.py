"""Who needs which extra, and how to install it."""

import importlib


def import_optional(module, *, extra, purpose):
    """Import and return `module`, which comes with an optional extra of skabi.

    Parameters
    ----------
    module : str
        Name of the module to import.
    extra : str
        The extra that installs it.
    purpose : str
        What needs it, the subject of the error's sentence.

    Raises
    ------
    ImportError
        If `module` is not installed. An import that fails for another reason keeps its own error.

    Examples
    --------
    >>> from skabi._optional import import_optional
    >>> import_optional("json", extra="arviz", purpose="to_datatree").__name__
    'json'
    """
    root = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        raise ImportError(
            f'{purpose} needs {root}, which is not installed. Install it with: pip install "skabi[{extra}]"',
            name=root,
        ) from error
