"""The items of a model: a view of a name that never changes, over a table that does.

Hashing or encoding again fills a new table, a generation, and switches the model's row to it: the
row names table, digest and hash together, so Hamsight's own searches go by it. Analysts read
`items_MODEL`, a view over the generation. Row and view cannot change at once, so the row is the
truth: where the view reads another generation, it is made again when the catalog is next opened for
writing. A former generation is kept for minutes, so that whoever has read its name still finds it;
its comment says since when. Functions that change something are called while the lock is held.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial

from hamsight_core.catalog.database import Database
from hamsight_core.catalog.layout import CENTRES
from hamsight_core.catalog.model_row import CatalogModel, TableKind, kind_of, read_models
from hamsight_core.catalog.myscale import with_vector_index
from hamsight_core.catalog.statements import fill, quoted

KEPT_SECONDS = 600
"""How long a former generation is kept at least."""
MAKING = "_making"
"""How the names of side tables of a rebuild end."""
_MARK = re.compile(r"_[grh][0-9a-f]{8}$")
_GENERATION = re.compile(r"\b(?:items|objects)_[a-z0-9_]+_[grh][0-9a-f]{8}\b")
RETIRED, MADE = "retired ", "made "
"""How the comment of a former generation begins, and that of a table that a run makes. A moment
follows, in seconds since 1970."""


def view_of(items_table: str) -> str:
    """Return the name of the view over a generation."""
    return _MARK.sub("", items_table)


def is_generation(table: str) -> bool:
    """Tell whether a table has the name of a generation."""
    return _GENERATION.fullmatch(table) is not None


def read_by(definition: str) -> str:
    """Return the generation that the text of a view reads; "" where it reads none."""
    found = _GENERATION.search(definition)
    return found[0] if found else ""


def new_generation(view: str) -> str:
    """Return a new name of a generation under a view."""
    return f"{view}_g{uuid.uuid4().hex[:8]}"


def create_items(database: Database, model: CatalogModel) -> None:
    """Make a table of items or objects where it is missing; on a cluster, its shards first."""
    own = fill("object_columns") if model.kind is TableKind.OBJECTS else ""
    create = partial(
        database.run,
        "create_items",
        table=model.items_table,
        hash_bytes=model.bits // 8,
        own_columns=own,
        moment=server_time(database),
    )
    if database.layout.myscale:
        with_vector_index(create, model.dimension)
    else:
        create()
    database.spread(model.items_table)


def server_time(database: Database) -> int:
    """Return the moment of the server, in seconds since 1970."""
    return int(database.rows("server_time")[0][0])


def show(database: Database, items_table: str) -> None:
    """Let the view read a generation."""
    names = {"view": view_of(items_table), "table": items_table}
    database.run("create_items_view", columns=shown_columns(items_table), **names)


def shown_columns(items_table: str) -> str:
    """Return the columns of a generation, as its view has them."""
    return fill("items_columns" if kind_of(items_table) is TableKind.ITEMS else "objects_columns")


def switch(
    database: Database, former: CatalogModel, made: CatalogModel, *, same_hashes: bool = False
) -> None:
    """Make a model's row name another generation, which is filled; the old generation is kept.

    The former is marked first: a run that is killed here leaves it in use or to be dropped later.
    With `same_hashes` users' views may read the other generation in its place: `renew_views`.
    """
    comment = f"{RETIRED}{server_time(database)}"
    comment += f" {made.items_table}" if same_hashes else ""
    database.run("comment_table", table=former.items_table, comment=comment)
    database.await_replicas(made.items_table)
    database.run("switch_model", {**asdict(made), "former": former.items_table})
    show(database, made.items_table)


def renew_views(database: Database) -> None:
    """Let users' views that read a former generation itself read the present one of same hashes.

    One that is marked and that a model's row still names is no former one: its run was killed.
    """
    said = {name: comment.split() for name, comment in database.rows("retired_tables")}
    used = {model.items_table for model in read_models(database)} if said else set()
    successors = {n: words[2] for n, words in said.items() if len(words) == 3 and n not in used}

    def present(found: re.Match[str]) -> str:
        name = found[0]
        while name in successors:
            name = successors[name]
        return name

    for view, reads, comment in database.rows("views_and_comments") if successors else ():
        statement = _GENERATION.sub(present, reads)
        if statement != reads and view != view_of(read_by(reads)):
            said_of = quoted(comment)
            database.run("replace_view", view=view, statement=statement, comment=said_of)


def adopt(database: Database, model: CatalogModel) -> CatalogModel:
    """Put the view in the place of a table of an older version, which had its name.

    The table gets a generation's name, and `items_MODEL` is there all the time: the view is made
    under the new name, with its columns written out as there is no table yet, and the two are
    exchanged. On a cluster, renaming takes the place of that.
    """
    view = model.items_table
    made = replace(model, items_table=new_generation(view))
    types = database.rows("column_types", {"table": view})
    written = {
        "types": f"({', '.join(f'{name} {kind}' for name, kind in types)})",
        "columns": fill("items_columns"),
    }
    names = {"view": view, "table": made.items_table}
    if database.layout.cluster:
        making = view + MAKING
        shards = {key: database.layout.shard_table(name) for key, name in names.items()}
        database.run("create_distributed_before", former=view, **names)
        database.run("create_view_before", **{**written, **names, "view": making})
        database.run(
            "rename_to_generation",
            shard=shards["view"],
            shard_table=shards["table"],
            former=f"{view}_former",
            making=making,
            **names,
        )
        database.run("drop_table", table=f"{view}_former")
    else:
        database.run("create_view_before", **{**written, **names, "view": made.items_table})
        database.run("exchange_tables", **names)
    name_generation(database, model, made.items_table)
    return made


def name_generation(database: Database, model: CatalogModel, items_table: str) -> CatalogModel:
    """Make a model's row name the table by another name, and return it."""
    made = replace(model, items_table=items_table)
    database.run("switch_model", {**asdict(made), "former": model.items_table})
    return made


def drop_cells(database: Database, items_table: str, models: Iterable[CatalogModel]) -> None:
    """Drop the tables of cells of an items table that no model's row names."""
    used = {table for model in models for table in model.hash_settings.cell_tables}
    prefixes = [f"cells_{one}_" for one in dict.fromkeys([items_table, view_of(items_table)])]
    for prefix in prefixes:
        leftover = re.compile(re.escape(prefix) + rf"[0-9a-f]{{8}}({CENTRES})?")
        # a run that was killed may have left shards without the table that stands for them
        for shown in dict.fromkeys([prefix, database.layout.shard_table(prefix)]):
            for (found,) in database.rows("tables_of_prefix", {"prefix": shown}):
                name = prefix + found.removeprefix(shown)
                if leftover.fullmatch(name) and name.removesuffix(CENTRES) not in used:
                    database.drop(name)
