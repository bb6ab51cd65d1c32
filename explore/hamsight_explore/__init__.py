"""The page: a server of a catalog on this machine, with its HTTP API and the built page.

`explore` serves until it is stopped; `start` serves in the background of this process, for
notebooks and tests. The page's source is in explore/web.
"""

from hamsight_explore.options import Options
from hamsight_explore.serve import Running, explore, start

__all__ = ["Options", "Running", "explore", "start"]
