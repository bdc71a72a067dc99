"""Torch modules: conditional densities and their parts."""
