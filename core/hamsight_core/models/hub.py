"""Fetching models of the registry into the user's cache, each file checked by its digest."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from hamsight_core.errors import ModelError
from hamsight_core.models.cache import models_folder
from hamsight_core.models.model_toml import to_toml
from hamsight_core.models.registry import Entry, RemoteFile
from hamsight_core.models.web_file import DownloadError, download_file

RECORD = "pulled.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Pulled:
    """What is known of a file in the cache: its address, commit (of the hub) and sha256 in hex."""

    address: str
    commit: str | None
    sha256: str


def pull(entry: Entry) -> Path:
    """Bring a model of the registry into the cache, whole and checked; return its folder.

    A file that is there and has its digest stays, also one that was put there by hand. A
    download that broke off goes on where it ended. `model.toml` is written last: without it the
    folder is no model package. Raises ModelError, saying what to do, when a file cannot be had
    or has another digest.
    """
    folder = entry.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.toml").unlink(missing_ok=True)
        record = _recorded(folder)
        for file in entry.files:
            former = record.get(file.path)
            expected = file.sha256 or (former.sha256 if former else None)
            target = folder / file.path
            if not (target.is_file() and _is_whole(target, expected)):
                record[file.path] = _fetch(entry, file, former, target)
            elif former is None:
                record[file.path] = Pulled(_address(file), file.revision, sha256_of(target))
            _write(folder / RECORD, json.dumps(_plain(record), indent=2) + "\n")
        _write(folder / "model.toml", to_toml(entry.package))
    except OSError as error:
        raise ModelError(f"{entry.name} cannot be written into {folder}: {error}") from None
    return folder


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_whole(file: Path, expected: str | None) -> bool:
    """Tell whether a file is as expected; one of which nothing is known is taken as it is."""
    return expected is None or sha256_of(file) == expected


def _fetch(entry: Entry, file: RemoteFile, former: Pulled | None, target: Path) -> Pulled:
    promised: str | None = None
    commit: str | None = None
    try:
        if file.repo is None:
            download_file(_address(file), target)
        else:
            commit, promised = _from_hub(entry, file, former, target)
    except DownloadError as error:
        raise _unreachable(entry, str(error)) from None
    found = sha256_of(target)
    for expected, source in (
        (file.sha256, "the registry"),
        (former.sha256 if former else None, f"the first pull, in {entry.folder / RECORD},"),
        (promised, "the model hub"),
    ):
        if expected is not None and found != expected:
            target.unlink()
            raise ModelError(
                f"{_address(file)} is not the file that {source} names: its SHA-256 is {found}, not"
                f" {expected}. It was deleted; nothing of {entry.name} is used"
            )
    return Pulled(_address(file), commit, found)


def _from_hub(
    entry: Entry, file: RemoteFile, former: Pulled | None, target: Path
) -> tuple[str | None, str | None]:
    """Download a file of the model hub; return its commit and, where the hub says it, its SHA-256.

    The hub's tag of a large file is its SHA-256; of a small file it is another digest. The bytes
    are fetched here, since huggingface_hub (2.4) keeps nothing of a download that broke off.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    assert file.repo is not None
    revision = file.revision or (former.commit if former else None)
    url = hub.hf_hub_url(file.repo, file.path, revision=revision, endpoint=_hub())
    try:
        known = hub.get_hf_file_metadata(url, timeout=_TIMEOUT)
    except errors.GatedRepoError:
        raise ModelError(
            f"{entry.name} is for those who have accepted its licence ({entry.license}): ask for"
            f" access at https://huggingface.co/{file.repo}, make a token at"
            " https://huggingface.co/settings/tokens, and give it to `hf auth login` or in HF_TOKEN"
        ) from None
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
    ) as error:
        words = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"the model hub has no {_address(file)}: {words}. The registry of this version may be"
            f" out of date; {entry.card} says what there is now"
        ) from None
    except (
        errors.HTTPError,  # type: ignore[attr-defined]  # that of the hub's HTTP library
        ConnectionError,
        TimeoutError,
    ) as error:
        raise DownloadError(" ".join(str(error).split())) from None
    tag = known.etag or ""
    same_host = urlsplit(known.location).netloc == urlsplit(url).netloc
    headers = build_hf_headers() if same_host else {}  # a token is for the hub alone
    download_file(known.location, target, headers=headers, mark=f".{tag[:12]}" if tag else "")
    return known.commit_hash or revision, tag if _SHA256.fullmatch(tag) else None


def _unreachable(entry: Entry, why: str) -> ModelError:
    missing = [file for file in entry.files if not (entry.folder / file.path).is_file()]
    places = ((f"  {_address(file)}", f"    as {entry.folder / file.path}") for file in missing)
    return ModelError(
        f"{entry.name} cannot be downloaded: {why}",
        "The same command goes on when there is a network. Without one, put these files there and"
        " run it again:",
        *chain.from_iterable(places),
        "What works meanwhile: `mini`, which knows photos"
        f" roughly; models in {models_folder()}; --model FOLDER; and all that asks by --item, by"
        " --where or in SQL",
    )


def _address(file: RemoteFile) -> str:
    if file.repo is None:
        return f"{file.url}{quote(file.path)}"
    return f"{_hub()}/{file.repo}/resolve/{file.revision or 'main'}/{quote(file.path)}"


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _recorded(folder: Path) -> dict[str, Pulled]:
    file = folder / RECORD
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {path: Pulled(**said) for path, said in content.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{file} cannot be read: {error}. Delete {folder} and pull the model again"
        ) from None


def _plain(record: dict[str, Pulled]) -> dict[str, Any]:
    return {path: asdict(pulled) for path, pulled in record.items()}


def _write(file: Path, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
