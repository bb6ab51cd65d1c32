"""Images within archives and tables are ingested, found and drawn as files are."""

import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


@pytest.mark.parametrize("kind", ["zip", "parquet"])
def test_images_within_a_file(tmp_path, shared, run_cli, kind):
    photos = sorted((shared / "data" / "flowers").rglob("*.jpg"))[::40]
    model = shared / "models" / "photo-cca"
    if kind == "zip":
        dataset = tmp_path / "flowers.zip"
        with zipfile.ZipFile(dataset, "w") as archive:
            for photo in photos:
                archive.write(photo, f"{photo.parent.name}/{photo.name}")
    else:
        dataset = tmp_path / "flowers.parquet"
        rows = [{"image": photo.read_bytes(), "label": photo.parent.name} for photo in photos]
        pq.write_table(pa.Table.from_pylist(rows), dataset)
    command = ["ingest", dataset, "--tags-from-folder", "--db", tmp_path / "catalog"]
    done = run_cli(*command, "--model", model, check=True)
    assert f"{len(photos)} added, 0 replaced, 0 unchanged, 0 rejected" in done.stdout
    done = run_cli(*command, check=True)
    assert f"0 added, 0 replaced, {len(photos)} unchanged, 0 rejected" in done.stdout
    sheet = tmp_path / "sheet.png"
    query = ["query", "--image", photos[3], "-k", "4", "--save", sheet, "--format", "csv"]
    done = run_cli(*query, "--db", tmp_path / "catalog", check=True)
    first = done.stdout.splitlines()[1]
    assert photos[3].name in first if kind == "zip" else re.search(r"\b3\b", first)
    with Image.open(sheet) as picture:
        colours = picture.convert("RGB").getcolors(picture.width * picture.height)
    assert colours is not None and len(colours) > 5000
