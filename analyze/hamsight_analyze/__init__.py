"""What is wrong with a dataset, and what is in it.

A method on arrays is a module of its own; `kinds` has the analyses of a catalog.
"""
