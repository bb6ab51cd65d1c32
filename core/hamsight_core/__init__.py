"""The ground that every part of Hamsight stands on: errors, items, and five rooms.

`images` reads pictures, `models` encodes them, `hashing` packs features into bits, `catalog` keeps
them in ClickHouse, `show` writes answers for people and programs.
"""
