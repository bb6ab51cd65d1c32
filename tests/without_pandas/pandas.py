"""In the command's way in tests: it runs as it is installed, without the extra `pandas`.

PyArrow loads pandas wherever it can, which takes longer than most of the commands under test.
"""

raise ImportError("the tests run the command without pandas")
