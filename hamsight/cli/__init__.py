"""The `hamsight` command; one module for each group of commands."""

from hamsight.cli.app import main

__all__ = ["main"]
