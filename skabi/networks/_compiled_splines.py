"""Monotone rational-quadratic splines, compiled by Numba: for each value one pass over its numbers, with no tensor between.

Values `(n,)` go with numbers `(n, 3 n_bins - 1)`; `sizes` `(n, 2 n_bins)` are the exponentials of the first of these,
which a library of vectors finds sooner. Equations are those of the paper that `skabi.networks._splines` names.
"""

import math
import os

import numba

SMALLEST = 1e-3
# Logarithms of relative sizes of bins; beyond, sizes would overflow.
LARGEST = 30.0
# softplus(UNIT) + SMALLEST = 1: a spline whose numbers are all zero is the identity.
UNIT = math.log(math.expm1(1 - SMALLEST))
