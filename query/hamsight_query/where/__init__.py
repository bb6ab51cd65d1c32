"""The metadata expressions of `hamsight query --where`: text → syntax tree → checked SQL.

docs/where.md describes the language.
"""

from hamsight_query.where.compiler import Filter, compile_filter, compile_key

__all__ = ["Filter", "compile_filter", "compile_key"]
