"""Batting averages of eighteen baseball players, 1970."""

import pandas as pd
from sklearn.utils import Bunch

AT_BATS = 45
# Surname, hits in the first 45 times at bat, times at bat in the rest of the season, batting average there.
PLAYERS = (
    ("Clemente", 18, 367, 0.346),
    ("F. Robinson", 17, 426, 0.298),
    ("F. Howard", 16, 521, 0.276),
    ("Johnstone", 15, 275, 0.222),
    ("Berry", 14, 418, 0.273),
    ("Spencer", 14, 466, 0.270),
    ("Kessinger", 13, 586, 0.263),
    ("Alvarado", 12, 138, 0.210),
    ("Santo", 11, 510, 0.269),
    ("Swoboda", 11, 200, 0.230),
    ("Unser", 10, 277, 0.264),
    ("Williams", 10, 270, 0.256),
    ("Scott", 10, 435, 0.303),
    ("Petrocelli", 10, 538, 0.264),
    ("E. Rodriguez", 10, 186, 0.226),
    ("Campaneris", 9, 558, 0.285),
    ("Munson", 8, 408, 0.316),
    ("Alvis", 7, 70, 0.200),
)

DESCRIPTION = """Batting averages
----------------

All players of the major leagues of baseball who had been at bat 45 times by a day early in the season of 1970, with
their hits until then, and their batting average in the rest of the season. Whoever predicts the second from the first
does better by drawing all players towards their common average: it became the textbook example of shrinkage.

:Groups: 18 players
:Observations: 1 a player, the number of hits in 45 times at bat

Source: B. Efron, C. Morris (1975). Data analysis using Stein's estimator and its generalizations. Journal of the
American Statistical Association 70, 311-319, table 1.
"""


def load_batting():
    """Load early and later batting averages of eighteen baseball players of 1970 [1]_.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        With the attributes

        - frame : DataFrame with the columns `player`, `at_bats` (45), `hits`, and of the rest of the season
          `later_at_bats` and `later_average`
        - DESCR : str

    References
    ----------
    .. [1] B. Efron, C. Morris (1975). Data analysis using Stein's estimator and its generalizations. Journal of the
       American Statistical Association 70, 311-319.

    Examples
    --------
    >>> from skabi.datasets import load_batting
    >>> batting = load_batting().frame
    >>> len(batting), int(batting["hits"].sum())
    (18, 215)
    """
    frame = pd.DataFrame(PLAYERS, columns=["player", "hits", "later_at_bats", "later_average"])
    frame.insert(1, "at_bats", AT_BATS)
    return Bunch(frame=frame, DESCR=DESCRIPTION)
