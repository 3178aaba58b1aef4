"""A module."""

__version__ = "3.1"
