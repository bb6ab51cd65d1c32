"""Hamsight: find, compare and clean images in datasets by content, in plain ClickHouse."""
