"""The Python API: what the command does, on one catalog."""

from hamsight.session.analyses import Analyses
from hamsight.session.changes import Changes
from hamsight.session.ingests import Ingests
from hamsight.session.searches import Searches


class Session(Ingests, Searches, Changes, Analyses):
    """A catalog at a DSN, opened when it is first needed; made by `hamsight.open`.

    Close it, or use it as a context manager: an embedded catalog serves one process at a time.
    """
