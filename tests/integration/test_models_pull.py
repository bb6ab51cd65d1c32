"""`hamsight models pull` against a stand-in of the model hub on 127.0.0.1.

No file of the real hub was fetched where this was written: the stand-in answers as the hub
documents, and huggingface_hub, which asks it, is the real library.
"""

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import pytest
import toy
from conftest import PLAIN
from hub_stand_in import COMMIT, serve
from toy import command

REPO = "Xenova/clip-vit-large-patch14"
FILES = {
    f"{REPO}/onnx/vision_model.onnx": os.urandom(300_000),
    f"{REPO}/onnx/text_model.onnx": os.urandom(200_000),
    f"{REPO}/tokenizer.json": b'{"version": "1.0"}',
}
NAME = "clip-vit-l-14"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def hub():
    with serve(FILES) as served:
        yield served


@pytest.fixture(autouse=True)
def environment(hub, tmp_path, monkeypatch):
    """A cache of this test's own, and the stand-in as the hub."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HAMSIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("hamsight_core.models.web_file._PAUSE", 0.0)


def pull(*names):
    """Run `hamsight models pull` in this process."""
    return command("models", "pull", *(names or [NAME]))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "models" / NAME


def assert_whole(folder):
    for path, data in FILES.items():
        assert (folder / path.removeprefix(f"{REPO}/")).read_bytes() == data
    record = json.loads((folder / "pulled.json").read_text())
    for path, data in FILES.items():
        one = record[path.removeprefix(f"{REPO}/")]
        assert one["sha256"] == hashlib.sha256(data).hexdigest()
        assert one["commit"] == COMMIT
    assert not list(folder.rglob("*.part"))


def test_a_model_is_pulled_once(hub, folder):
    done = pull()
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"clip-vit-l-14: {folder}\n"
    assert "licence: MIT" in done.stderr
    assert_whole(folder)
    hub.got.clear()
    again = pull()
    assert again.exit_code == 0
    assert hub.got == []


def test_a_connection_that_breaks_is_opened_again(hub, folder):
    hub.break_after = 120_000
    assert pull().exit_code == 0
    assert_whole(folder)
    assert hub.got[:3] == [
        ("onnx/vision_model.onnx", 0),
        ("onnx/vision_model.onnx", 120_000),
        ("onnx/vision_model.onnx", 240_000),
    ]


def test_a_download_that_ended_goes_on_with_the_next_command(hub, folder):
    hub.break_after, hub.mute = 120_000, True
    broken = pull()
    assert broken.exit_code == 4
    assert "the connection ended after 120000 of 300000 bytes" in broken.stderr
    assert not (folder / "model.toml").exists()
    assert not (folder / "onnx" / "vision_model.onnx").exists()
    hub.break_after, hub.got = None, []
    assert pull().exit_code == 0
    assert_whole(folder)
    assert hub.got[0] == ("onnx/vision_model.onnx", 120_000)


def test_a_file_of_another_digest_is_not_used(hub, folder):
    hub.wrong_tag = True
    done = pull()
    assert done.exit_code == 4
    assert "is not the file that the model hub names" in done.stderr
    assert not (folder / "model.toml").exists()
    assert not (folder / "onnx" / "vision_model.onnx").exists()


def test_what_the_first_pull_got_later_pulls_must_get(hub, folder):
    assert pull().exit_code == 0
    (folder / "onnx" / "text_model.onnx").unlink()
    hub.files[f"{REPO}/onnx/text_model.onnx"] = b"another"
    done = pull()
    assert done.exit_code == 4
    assert "is not the file that the first pull, in" in done.stderr
    hub.files[f"{REPO}/onnx/text_model.onnx"] = FILES[f"{REPO}/onnx/text_model.onnx"]
    assert pull().exit_code == 0
    assert_whole(folder)


def test_a_damaged_file_of_the_cache_is_fetched_anew(hub, folder):
    assert pull().exit_code == 0
    (folder / "onnx" / "vision_model.onnx").write_bytes(b"damaged")
    assert pull().exit_code == 0
    assert_whole(folder)


def test_a_pinned_digest_counts(hub):
    hub.files = {
        f"Xenova/clip-vit-base-patch32/{path}": b"not it"
        for path in ("onnx/vision_model.onnx", "onnx/text_model.onnx", "tokenizer.json")
    }
    done = pull("clip-vit-b-32")
    assert done.exit_code == 4
    assert "is not the file that the registry names" in done.stderr


def test_a_gated_model_says_how_to_get_access(hub):
    hub.gated = True
    done = pull("dinov3-small")
    assert done.exit_code == 4
    assert "accepted its licence (DINOv3 License)" in done.stderr
    assert "hf auth login" in done.stderr and "HF_TOKEN" in done.stderr


def test_a_file_that_the_hub_has_no_more(hub):
    del hub.files[f"{REPO}/tokenizer.json"]
    done = pull()
    assert done.exit_code == 4
    assert f"the model hub has no {hub.url}/{REPO}/resolve/main/tokenizer.json" in done.stderr


def test_without_a_network_it_says_what_to_put_where(folder, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    done = pull()
    assert done.exit_code == 4
    assert "cannot be downloaded" in done.stderr
    for path in FILES:
        name = path.removeprefix(f"{REPO}/")
        assert f"{REPO}/resolve/main/{name}" in done.stderr
        assert str(folder / name) in done.stderr
    assert "mini" in done.stderr and "--model FOLDER" in done.stderr


def test_files_that_were_put_there_by_hand_are_taken(folder, monkeypatch):
    for path, data in FILES.items():
        target = folder / path.removeprefix(f"{REPO}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    done = pull()
    assert done.exit_code == 0, done.stderr
    assert (folder / "model.toml").is_file()


def test_wrong_names():
    assert "did you mean 'clip-vit-l-14'?" in pull("clip-vit-l-15").stderr
    bundled = pull("mini")
    assert bundled.exit_code == 2 and "nothing to download" in bundled.stderr


def test_the_hubs_own_switch_for_no_network_counts(run_cli):
    done = run_cli("models", "pull", NAME, env={"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 4
    assert "cannot be downloaded" in done.stderr and "HF_HUB_OFFLINE" in done.stderr
    assert "Traceback" not in done.stderr


def test_ingest_downloads_what_it_is_told_to_use(tmp_path, hub):
    """A toy model of a registry of its own: pulled from hub and web, ingested, asked again."""
    package = toy.model(tmp_path / "packages" / "toy")
    hub.files = {"me/toy/image.xml": (package / "image.xml").read_bytes()}
    web = f"{hub.url}/web/models/resolve/main/"
    hub.files["web/models/image.bin"] = (package / "image.bin").read_bytes()
    registry = tmp_path / "registry.toml"
    registry.write_text(
        textwrap.dedent(f"""
        [toy]
        about = "a toy"
        license = "MIT"
        card = "{hub.url}"
        dimension = 24
        url = "{web}"
        files = [{{ path = "image.xml", repo = "me/toy" }}, {{ path = "image.bin" }}]
        [toy.image]
        file = "image.xml"
        layout = "NHWC"
        dtype = "u8"
        size = 16
        resize = "squash"
        crop = "none"
        """)
    )
    toy.photos(tmp_path / "photos", 3)
    program = (
        "import sys, pathlib, hamsight_core.models.registry as r;"
        f"r._FILE = pathlib.Path({str(registry)!r});"
        "from hamsight.cli.app import main; sys.argv = ['hamsight', *sys.argv[1:]]; main()"
    )

    def run(*args):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HAMSIGHT_")}
        environment |= {**PLAIN, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        environment["HAMSIGHT_CACHE"] = str(tmp_path / "cache")
        command = [sys.executable, "-c", program, *map(str, args)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )

    first = run("ingest", "photos", "--model", "toy")
    assert first.returncode == 0, first.stderr
    assert "3 added" in first.stdout and "(model toy" in first.stdout
    assert [path for path, _ in hub.got] == ["image.xml", "image.bin"]
    listed = run("models", "--format", "json")
    assert {one["name"]: one["here"] for one in json.loads(listed.stdout)}["toy"] == "cached"
    toy.photos(tmp_path / "more", 2, first=3)
    best = run("ingest", "more")
    assert best.returncode == 0 and "(model toy" in best.stdout
    assert "2 added" in best.stdout and len(hub.got) == 2
    asked = run("query", "--image", "photos/000.jpg", "-k", "1", "--format", "json")
    assert json.loads(asked.stdout)[0]["distance"] == 0
