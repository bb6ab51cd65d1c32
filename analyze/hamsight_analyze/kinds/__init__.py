"""The analyses of a catalog, one a module; each is registered here."""

from hamsight_analyze.analysis import Analysis
from hamsight_analyze.kinds.clusters import Clusters
from hamsight_analyze.kinds.comparison import Comparison
from hamsight_analyze.kinds.duplicate_groups import Duplicates
from hamsight_analyze.kinds.leaks import Leaks
from hamsight_analyze.kinds.maps import Map
from hamsight_analyze.kinds.outlying_items import Outliers
from hamsight_analyze.kinds.quality import Quality
from hamsight_analyze.kinds.samples import Sample
from hamsight_analyze.kinds.wrong_tags import Mislabelled

ANALYSES: dict[str, type[Analysis]] = {
    one.kind: one
    for one in (
        Duplicates,
        Leaks,
        Quality,
        Mislabelled,
        Outliers,
        Sample,
        Comparison,
        Clusters,
        Map,
    )
}
"""Every analysis by the name that `analyses` and `findings` have for it."""

__all__ = [
    "ANALYSES",
    "Clusters",
    "Comparison",
    "Duplicates",
    "Leaks",
    "Map",
    "Mislabelled",
    "Outliers",
    "Quality",
    "Sample",
]
