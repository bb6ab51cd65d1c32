"""Saved queries: kept with their hashes and features, so that running one loads no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.statements import fill
from hamsight_core.controls import masked
from hamsight_core.errors import CatalogError, ModelMismatchError, UsageError
from hamsight_core.images.places import local_path, path_uri
from hamsight_core.models.network import HERE, Compute
from hamsight_core.moments import moment_text, now_us
from hamsight_core.names import checked, is_text, nearest
from hamsight_query.fusion import check_models, of_each_model
from hamsight_query.percentiles import Scales
from hamsight_query.request import Kind, Query, Request, query_from_json, query_json
from hamsight_query.result import Matches
from hamsight_query.search import Prepared, answer, fuse, prepare, prepare_targets
from hamsight_query.target import Target, hashed

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "saved_queries"
_APART = ("queries", "where", "model")  # what has columns of its own
_FIT = "hash_fit"  # among the options, where the hashes of the targets are of a fitted hash
_QUERIES = "queries"  # among the options, with their weights and regions
_SCALES = "scales"  # among the options, of a calibrated query
_PARTS = "parts"  # among the options, of several models: their names, digests, fits and scales
_OWN = (_FIT, _QUERIES, _SCALES, _PARTS)
_OPTIONS = {option.name: option for option in fields(Request) if option.name not in _APART}


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved query; `digest` is that of the model which made the targets, `fit` of their hash.

    `scales` are those of a calibrated one. A query of several models has `parts`, one for each.
    """

    name: str
    digest: str
    fit: str
    request: Request
    targets: Sequence[Target]
    scales: Scales
    parts: tuple[Saved, ...] = ()


def save_query(
    catalog: Catalog,
    name: str,
    request: Request,
    *,
    replace: bool = False,
    compute: Compute = HERE,
) -> None:
    """Keep a request under a name, with what its queries were found to be.

    Raises what `prepare` raises, and UsageError for a name that is not fit, for text that is not
    UTF-8, and, unless `replace`, for a name that a saved query has.
    """
    _check_name(catalog, name, replace)
    for query in request.queries:
        _check_text(f"--{query.kind.value}", query.given)
    _keep(catalog, name, prepare(catalog, request, compute))


def save_prepared(
    catalog: Catalog, name: str, prepared: Prepared, *, replace: bool = False
) -> None:
    """Keep what answers a request under a name.

    Raises what `Prepared.check` raises, and UsageError for a name that is not fit and, unless
    `replace`, for that of another saved query.
    """
    _check_name(catalog, name, replace)
    _keep(catalog, name, prepared)


def _keep(catalog: Catalog, name: str, prepared: Prepared) -> None:
    prepared.check(catalog)
    catalog.run("create_saved_queries")
    # a clock that was set back must not make the new row the older one
    created_us = max(now_us(), catalog.rows("saved_time", {"name": name})[0][0] + 1)
    catalog.insert_rows(TABLE, [_row(name, prepared, created_us)])
    catalog.run("delete_saved_before", {"name": name, "created_us": created_us})


def _check_name(catalog: Catalog, name: str, replace: bool) -> None:
    checked("the name of a saved query", name)
    if not replace and name in _names(catalog):
        raise UsageError(
            f"there is a saved query {name!r} already: choose another name, or say --replace"
        )


def find_saved(catalog: Catalog, name: str) -> Saved:
    """Return the saved query of that name. Raises UsageError where there is none."""
    rows = catalog.rows_if_any("find_saved", {"name": name})
    if not rows:
        raise _unknown(catalog, name)
    _, model, digest, filter, options, *nested = rows[0]
    targets = [_target(*parts) for parts in zip(*nested, strict=True)]
    given = _decoded(name, options)
    fit, scales, parts = given.pop(_FIT, ""), given.pop(_SCALES, {}), given.pop(_PARTS, ())
    asked = given.pop(_QUERIES, None)
    if asked is not None:  # a catalog of an older version has neither weights nor regions
        whole = map(query_from_json, asked)
        targets = [replace(one, query=query) for one, query in zip(targets, whole, strict=True)]
    given.update(where=filter, model=None if parts else model)
    of_first = targets[: parts[0]["targets"]] if parts else targets
    given[_QUERIES] = [query_json(target.query) for target in of_first]
    request = Request.from_json(given)
    if parts:
        return _of_models(name, request, targets, parts)
    return Saved(name, digest, fit, request, targets, scales)


def _of_models(
    name: str, request: Request, targets: Sequence[Target], parts: Sequence[Mapping[str, Any]]
) -> Saved:
    """Return a saved query of several models; `targets` are those of each, one after another."""
    asked = iter(targets)
    own = [list(islice(asked, part["targets"])) for part in parts]
    each = tuple(
        Saved(name, part["digest"], part["fit"], one, found, part[_SCALES])
        for part, one, found in zip(parts, of_each_model(request), own, strict=True)
    )
    return Saved(name, "", "", request, own[0], {}, each)


def prepare_saved(
    catalog: Catalog,
    name: str,
    *,
    k: int | None = None,
    offset: int | None = None,
    exact: bool = False,
) -> Prepared:
    """Return what answers a saved query on the items that the catalog has now.

    `k` and `offset` stand in place of those that were saved; with `exact` the statement reads all
    items, and no table that may be replaced. Raises UsageError for an unknown name or model,
    ModelMismatchError when the model has changed since, and ExpressionError and EmptyCatalogError.
    """
    saved = find_saved(catalog, name)
    request = replace(
        saved.request,
        k=saved.request.k if k is None else k,
        offset=saved.request.offset if offset is None else offset,
        exact=exact or saved.request.exact,
    )
    if saved.parts:
        check_models(catalog, request)
        each = zip(saved.parts, of_each_model(request), strict=True)
        parts = [_prepared(catalog, replace(part, request=one), True) for part, one in each]
        return fuse(catalog, request, parts)
    return _prepared(catalog, replace(saved, request=request))


def _prepared(catalog: Catalog, saved: Saved, is_part: bool = False) -> Prepared:
    """Return what answers a saved query of one model."""
    name, request = saved.name, saved.request
    model = catalog.model(request.model, kind=request.table_kind)
    if model.digest != saved.digest:
        raise ModelMismatchError(
            f"the saved query {name!r} was made with the package {saved.digest[:12]} of the model"
            f" {model.name!r}, but the catalog's features are now of {model.digest[:12]}: their"
            " hashes must not be compared. Save it again with `hamsight save NAME … --replace`"
        )
    hash, kept = hash_of(catalog, model), saved.fit == model.hash_settings.fit
    targets = [hashed(one if kept else replace(one, hash=""), hash) for one in saved.targets]
    return prepare_targets(catalog, model, request, targets, saved.scales, is_part=is_part)


def run_saved(
    catalog: Catalog, name: str, *, k: int | None = None, offset: int | None = None
) -> Matches:
    """Answer a saved query; raises what `prepare_saved` and `Prepared.answer` raise."""
    return answer(catalog, lambda: prepare_saved(catalog, name, k=k, offset=offset))


def list_saved(catalog: Catalog) -> pa.Table:
    """Return a row for each saved query: name, queries, filter, model, options, created_at.

    `options` maps those that are not the default to text.
    """
    import pyarrow as pa

    kind = pa.map_(pa.string(), pa.string())
    if not catalog.has_table(TABLE):
        text = pa.string()
        columns = [("name", text), ("queries", pa.list_(text)), ("filter", text), ("model", text)]
        schema = [*columns, ("options", kind), ("created_at", pa.timestamp("us", "UTC"))]
        return pa.schema(schema).empty_table()
    table = catalog.arrow(fill("list_saved"))
    options = [json.loads(text) for text in table["options"].to_pylist()]
    queries = [
        _labels(given) or shown
        for given, shown in zip(options, table["queries"].to_pylist(), strict=True)
    ]
    for name, values, of in (
        ("queries", queries, pa.list_(pa.string())),
        ("options", [_shown(given) for given in options], kind),
    ):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, of))
    return table


def delete_saved(catalog: Catalog, name: str) -> None:
    """Delete a saved query; views made of it stay. Raises UsageError where there is none."""
    if name not in _names(catalog):
        raise _unknown(catalog, name)
    catalog.run("delete_saved", {"name": name})


def _names(catalog: Catalog) -> list[str]:
    return [row[0] for row in catalog.rows_if_any("saved_names")]


def _unknown(catalog: Catalog, name: str) -> UsageError:
    names = _names(catalog)
    if not names:
        return UsageError(
            f"there is no saved query {name!r}: none has been saved yet, see `hamsight save`"
        )
    return UsageError(f"there is no saved query {name!r}; {nearest(name, names)}")


def _check_text(what: str, text: str) -> None:
    if not is_text(text):
        raise UsageError(
            f"{what} {text!r} is not UTF-8, so it cannot be kept: give text,"
            " and a file of such a name as file:///FOLDER/%FF.jpg"
        )


def _row(name: str, prepared: Prepared, created_us: int) -> dict[str, Any]:
    request, model, each = prepared.request, prepared.model, prepared.of_models
    targets = [one for part in each for target in part.targets for one in target.asked]
    options = {option: getattr(request, option) for option in _OPTIONS}
    options[_QUERIES] = [query_json(target.query) for target in targets]
    if prepared.parts:
        options[_PARTS] = [
            {
                "targets": sum(len(target.asked) for target in part.targets),
                "digest": part.model.digest,
                "fit": part.model.hash_settings.fit,
                _SCALES: part.scales,
            }
            for part in each
        ]
    else:
        options[_SCALES] = prepared.scales
        if fit := model.hash_settings.fit:
            options[_FIT] = fit
    return {
        "name": name,
        "model": ", ".join(part.model.name for part in each),
        "digest": model.digest,
        "filter": request.where,
        "options": json.dumps(options),
        "targets.kind": [target.query.kind.value for target in targets],
        "targets.given": [
            masked(query.given) if query.kind is Kind.IMAGE else query.given
            for query in (target.query for target in targets)
        ],
        "targets.hash": [target.hash for target in targets],
        "targets.feature": [list(target.feature) for target in targets],
        "targets.uri": [_lasting(target) for target in targets],
        "targets.identity": [list(target.identity or ()) for target in targets],
        "targets.sha256": [target.sha256 for target in targets],
        "created_at": moment_text(created_us),
    }


def _lasting(target: Target) -> str | None:
    """Return where the target's picture is, whatever folder the query is run in."""
    if target.query.kind is not Kind.IMAGE or target.uri is None:
        return target.uri
    path = local_path(target.uri)
    return target.uri if path is None else path_uri(str(Path.cwd() / path))


def _target(
    kind: str,
    given: str,
    hash: str,
    feature: Sequence[float],
    uri: str | None,
    identity: Sequence[str],
    sha256: str | None,
) -> Target:
    item = (identity[0], identity[1], identity[2]) if identity else None
    return Target(Query(Kind(kind), given), hash, list(feature), uri, item, sha256)


def _decoded(name: str, text: str) -> dict[str, Any]:
    """Return the options of a saved query, as the JSON of a Request has them, and its own."""
    options: dict[str, Any] = json.loads(text)
    unknown = sorted(options.keys() - _OPTIONS.keys() - set(_OWN))
    if unknown:
        raise CatalogError(
            f"the saved query {name!r} has options that this version of Hamsight does not know:"
            f" {', '.join(unknown)}. Use the version that saved it, or save it again"
        )
    return options


def _labels(options: Mapping[str, Any]) -> list[str]:
    """Return what the queries are called in answers; nothing of those that an old version saved."""
    asked = options.get(_QUERIES, [])
    if parts := options.get(_PARTS):  # they stand there once for each model
        asked = asked[: parts[0]["targets"]]
    return [query_from_json(one).label for one in asked]


def _shown(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the options that differ from their defaults, as text."""
    shown = []
    for key, one in options.items():
        if key in _OWN:
            continue
        default = _OPTIONS[key].default if key in _OPTIONS else None
        if one != (list(default) if isinstance(default, tuple) else default):
            text = ", ".join(map(str, one)) if isinstance(one, list) else json.dumps(one).strip('"')
            shown.append((key, text))
    return shown
