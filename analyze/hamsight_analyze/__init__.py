"""What is wrong with a dataset, and what is in it.

A method on arrays is a module of its own; `registry` names the analyses of a catalog.
"""
