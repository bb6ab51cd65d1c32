"""Answers for people and programs: text tables, formats of data, contact sheets."""
