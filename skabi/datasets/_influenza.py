"""The influenza outbreak in an English boarding school, 1978."""

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

N_PUPILS = 763
IN_BED = (3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4)
FIRST_DAY = "1978-01-22"

DESCRIPTION = """Influenza in a boarding school
------------------------------

In January 1978 influenza went through a boarding school for boys in the north of England. Of 763 pupils, most were
confined to bed at some time during the 14 days recorded here. One boy who came back from abroad is thought to have
brought the virus.

:Data sets: 1
:Features: 14, the number of pupils confined to bed on each day from 22 January to 4 February 1978
:Population: 763 pupils

Source: Anonymous (1978). Influenza in a boarding school. British Medical Journal 1, 587.
The counts were read from the figure printed there, and have served since as a textbook example of the SIR model.
"""


def load_influenza():
    """Load the daily number of pupils in bed during the influenza outbreak of 1978 in a boarding school [1]_.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the attributes

        - data : ndarray of shape (1, 14), pupils in bed on each day: one data set, as `sample(X)` takes it
        - frame : DataFrame with the columns `date`, `day` (0 to 13) and `in_bed`
        - feature_names : list of 14 str
        - n_pupils : int, 763
        - DESCR : str

    References
    ----------
    .. [1] Anonymous (1978). Influenza in a boarding school. British Medical Journal 1, 587.

    Examples
    --------
    >>> from skabi.datasets import load_influenza
    >>> influenza = load_influenza()
    >>> influenza.data.shape, influenza.n_pupils
    ((1, 14), 763)
    >>> int(influenza.frame["in_bed"].max())
    298
    """
    days = np.arange(len(IN_BED))
    frame = pd.DataFrame(
        {"date": pd.date_range(FIRST_DAY, periods=len(IN_BED)), "day": days, "in_bed": np.array(IN_BED)}
    )
    return Bunch(
        data=np.array([IN_BED], dtype=np.float64),
        frame=frame,
        feature_names=[f"in_bed_day_{day}" for day in days],
        n_pupils=N_PUPILS,
        DESCR=DESCRIPTION,
    )
