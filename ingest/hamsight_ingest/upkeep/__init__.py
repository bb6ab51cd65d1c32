"""Upkeep of a model's items: new hashes, new features, coarse cells, and what follows an ingest.

A rebuild computes into a side table without the lock. Under the lock it computes what is missing
of the rows as they are then, fills a new generation, and switches the model's row to it.
"""
