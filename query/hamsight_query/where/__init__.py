"""The metadata expressions of `hamsight query --where`: text → syntax tree → checked SQL.

docs/where.md describes the language.
"""

from hamsight_query.where.compiler import Filter, compile_filter, compile_key
from hamsight_query.where.scope import Parents

__all__ = ["Filter", "Parents", "compile_filter", "compile_key"]
