"""What estimators have that can be put into a file."""

import os


class Savable:
    """Base class of what has `save`."""

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write this estimator to a folder that `skabi.load` opens without running code from it.

        Parameters
        ----------
        path : str or path
            The folder to make.
        overwrite : bool, default=False
            Whether to replace a model that is there.

        Raises
        ------
        FileExistsError
            If there is something at `path` already, and it is no model or `overwrite` is False.
        ModelFileError
            If something in the estimator has no place in a file.

        See Also
        --------
        skabi.files.save : What is stored, and what is not.
        """
        from skabi.files._save import save

        save(self, path, overwrite=overwrite)
