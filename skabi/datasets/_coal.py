"""Explosions in British coal mines, year by year."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

FIRST_YEAR = 1851
DISASTERS = (
    *(4, 5, 4, 1, 0, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5),
    *(3, 4, 2, 5, 2, 2, 3, 4, 2, 1, 3, 2, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1),
    *(0, 3, 2, 2, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 2, 3, 3, 1, 1),
    *(2, 1, 1, 1, 1, 2, 3, 3, 0, 0, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1),
)

DESCRIPTION = """Disasters in British coal mines
-------------------------------

Explosions in coal mines of the United Kingdom in which ten or more people were killed, from 15 March 1851 to 22 March
1962, counted by year. The rate falls around 1890, after new laws and a stronger union.

:Data sets: 1
:Times: 112 years
:Features: 1, the number of disasters in a year

Source: R. G. Jarrett (1979). A note on the intervals between coal-mining disasters. Biometrika 66(1), 191-193, which
corrects and extends B. A. Maguire, E. S. Pearson, A. H. A. Wynn (1952). The time intervals between industrial
accidents. Biometrika 39, 168-180. The 191 dates given there are counted by year.
"""


def load_coal():
    """Load the yearly number of disasters in British coal mines, 1851 to 1962 [1]_.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (1, 112, 1), disasters of each year: one series
        - years : ndarray of int of shape (112,)
        - frame : DataFrame with the columns `year` and `disasters`
        - DESCR : str

    References
    ----------
    .. [1] R. G. Jarrett (1979). A note on the intervals between coal-mining disasters. Biometrika 66(1), 191-193.

    Examples
    --------
    >>> from skabi.datasets import load_coal
    >>> coal = load_coal()
    >>> coal.data.shape, int(coal.data.sum()), int(coal.years[-1])
    ((1, 112, 1), 191, 1962)
    """
    years = FIRST_YEAR + np.arange(len(DISASTERS))
    return Bunch(
        data=np.array(DISASTERS, dtype=np.float64).reshape(1, -1, 1),
        years=years,
        frame=pd.DataFrame({"year": years, "disasters": DISASTERS}),
        DESCR=DESCRIPTION,
    )
