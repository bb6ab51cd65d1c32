"""Changing what is in the catalog: groups, status, attributes, deleting, whole datasets."""
