"""`hamsight report`: what is wrong with a dataset and what is in it, as one page of HTML.

`chapters_of` runs the analyses, and `write_page` writes what they found with its pictures inside.
"""

from hamsight_analyze.report.chapters import Chapter, chapters_of, overview_of
from hamsight_analyze.report.report_page import write_page

__all__ = ["Chapter", "chapters_of", "overview_of", "write_page"]
