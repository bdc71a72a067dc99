"""Recipes of what turns summaries into model probabilities."""

from skabi.heads._base import BaseHead
from skabi.heads._dirichlet import DirichletEvidence
from skabi.heads._softmax import Softmax

__all__ = ["BaseHead", "DirichletEvidence", "Softmax"]
