"""`hamsight demo`: a dataset of drawn scenes, ingested and asked."""

from hamsight.demo.command import demo

__all__ = ["demo"]
