"""Estimators in files: a folder with a recipe in JSON and weights in safetensors; opening it runs no code from it."""

from skabi.files._load import load
from skabi.files._save import save

__all__ = ["load", "save"]
