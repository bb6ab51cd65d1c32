"""Which addresses are asked, with which credentials, and what of a URL is shown."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import toy

from hamsight_core.controls import masked
from hamsight_core.errors import ImageError
from hamsight_core.images.places import fetch
from hamsight_core.images.places.addresses import (
    EVERYWHERE,
    Reach,
    check_named,
    is_public,
    reach_of,
)
from hamsight_core.images.places.uris import without_secrets
from hamsight_core.models.web_file import download_file
from hamsight_ingest.pipeline import Settings
from hamsight_ingest.readers import open_source
from hamsight_ingest.source import Refused

SIGNED = "X-Amz-Algorithm=A&X-Amz-Credential=AK%2Fus&X-Amz-Date=2026&X-Amz-Signature=51g"


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        where = self.server.redirects.get(self.path)
        self.send_response(302 if where else 200)
        if where:
            self.send_header("Location", where)
        body = b"" if where else toy.jpeg(1)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def sites() -> Iterator[list[ThreadingHTTPServer]]:
    """Two servers of this machine."""
    made = []
    for _ in range(2):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        server.seen, server.redirects = [], {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


def url(server: ThreadingHTTPServer, path: str = "/a.jpg", userinfo: str = "") -> str:
    return f"http://{userinfo}127.0.0.1:{server.server_port}{path}"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1%eth0"),
        *("fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1"),
    ],
)
def test_private_addresses_are_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_known(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f000001", "127.1", "::1"]
)
def test_a_private_host_is_refused_under_each_of_its_names(host, sites):
    port = sites[0].server_port
    named = f"[{host}]" if ":" in host else host
    with pytest.raises(ImageError, match=r"--allow-private|cannot be downloaded"):
        fetch(f"http://{named}:{port}/a.jpg", reach=Reach())
    with pytest.raises(ImageError, match="--allow-private"):
        check_named(host, port, Reach())
    assert sites[0].seen == []


def test_reach_is_the_host_that_a_place_names():
    assert reach_of("zip://a.jpg::https://user:pw@Host.:8443/x.zip").allows("host", 8443)
    assert reach_of("http://host/").allows("HOST", 443)
    assert not reach_of("http://host/").allows("host", 8080)
    for place in ("/photos", "s3://bucket/a", "file:///a", "http://[", "http://h:x/", "a::b"):
        assert reach_of(place) == Reach()


def test_redirects_are_checked_hop_by_hop(sites):
    one, two = sites
    one.redirects = {"/a.jpg": url(two), "/b.jpg": url(one), "/m.jpg": "http://169.254.169.254/"}
    two.redirects = {"/c.jpg": url(one)}
    with pytest.raises(ImageError, match=r"127\.0\.0\.1 is in a private network"):
        fetch(url(one))
    with pytest.raises(ImageError, match="private network"):
        fetch(url(one, "/m.jpg"))
    assert two.seen == []
    assert fetch(url(one), reach=EVERYWHERE) == toy.jpeg(1)
    one.redirects = {"/b.jpg": url(one)}
    assert fetch(url(one, "/b.jpg")) == toy.jpeg(1)


def test_a_proxy_is_not_asked_for_private_hosts(sites, monkeypatch):
    monkeypatch.setenv("http_proxy", url(sites[0], ""))
    assert fetch("http://example.com/a.jpg") == toy.jpeg(1)
    with pytest.raises(ImageError, match="private network"):
        fetch("http://127.0.0.1:9/a.jpg", reach=Reach())
    assert fetch("http://10.1.2.3/a.jpg") == toy.jpeg(1)  # as the user named it


def test_user_and_password_are_sent_to_their_host_alone(sites, tmp_path):
    one, two = sites
    one.redirects = {"/b.jpg": "/a.jpg", "/c.jpg": url(two)}
    expected = "Basic " + base64.b64encode(b"us:er@x:p/w \xc3\xa4").decode()
    userinfo = "us%3Aer@x:p%2Fw%20%C3%A4@"
    fetch(url(one, "/b.jpg", userinfo))
    fetch(url(one, "/c.jpg", userinfo), reach=EVERYWHERE)
    fetch(url(one, "/d.jpg", "token@"))
    token = "Basic " + base64.b64encode(b"token:").decode()
    assert one.seen == [(f"/{n}.jpg", expected) for n in "bac"] + [("/d.jpg", token)]
    assert two.seen == [("/a.jpg", None)]
    two.seen.clear()
    download_file(url(one, "/c.jpg"), tmp_path / "f", headers={"authorization": "Bearer t"})
    assert (one.seen[-1], two.seen) == (("/c.jpg", "Bearer t"), [("/a.jpg", None)])


SHOWN = [
    ("http://user:pw@host/a", "http://***@host/a"),
    ("http://token@host/a", "http://***@host/a"),
    ("a https://u:p/w@x@host/a?b=1#c", "a https://***@host/a?b=1#c"),
    ("zip://a.jpg::https://u:p@h/x.zip", "zip://a.jpg::https://***@h/x.zip"),
    ("parquet://::http://u:p@h/t#row=1&column=a", "parquet://::http://***@h/t#row=1&column=a"),
    ("http://host:8080/photo@2x.jpg", "http://host:8080/photo@2x.jpg"),
    ("http://host/photo@2x.jpg?sig=ab%2Fc&w=1", "http://host/photo@2x.jpg?sig=***&w=1"),
    (f"https://h/a?{SIGNED}", SIGNED.replace("AK%2Fus", "***").replace("51g", "***")),
    ("clickhouse://me:pa/s@s@h/db", "clickhouse://***@h/db"),
    ("clickhouse://me@h:8123/db", "clickhouse://me@h:8123/db"),
    ("mail me@host, see http://host/a", "mail me@host, see http://host/a"),
    ('{"a": "http://h/?key=1\\"2"}', '{"a": "http://h/?key=***\\"2"}'),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_secrets_of_urls_are_masked(text, shown):
    assert shown in masked(text)
    assert masked(masked(text)) == masked(text)


def test_a_name_made_of_a_url_holds_no_secret():
    base = "https://h/a.jpg"
    assert without_secrets(f"https://u:p@h/a.jpg?{SIGNED}#x") == base
    assert without_secrets(f"{base}?w=1&sv=2&se=3&sig=4") == f"{base}?w=1"
    assert without_secrets(f"{base}?Expires=1&Signature=2&Key-Pair-Id=3") == base
    assert without_secrets(f"{base}?key=photo1&sv=2") == f"{base}?key=photo1&sv=2"
    assert without_secrets("zip://a?sig=1::https://u:p@h/x.zip") == "zip://a?sig=1::https://h/x.zip"
    assert without_secrets("/photos/u:p@h?sig=1") == "/photos/u:p@h?sig=1"


def test_ids_and_tags_of_a_table_hold_no_secret(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(f"image\nhttp://user:pw@host/cats/a.jpg?{SIGNED}\n")
    (item,) = open_source(str(table))
    assert item.id == "host/cats/a.jpg"
    assert item.uri.startswith("http://user:pw@host/")


def test_a_row_cannot_lead_out_of_its_datasets_folder(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = toy.photos(tmp_path / "up" / "set" / "images", 1).parent
    (tmp_path / "secret.jpg").write_bytes(toy.jpeg(3))
    rows = "../images/000.jpg\n../../secret.jpg\n../../../secret.jpg\nimages/000.jpg\n"
    (folder / "t.csv").write_text(f"image\n{rows}")
    source = open_source(str(folder / "t.csv"))
    items = list(source)
    ids = {item.id for item in items if not isinstance(item, Refused)}
    assert ids == {"images/000.jpg", "secret.jpg"}
    (refused,) = (item for item in items if isinstance(item, Refused))
    assert "leads out of the dataset's folder" in refused.reason
    outside = str(tmp_path / "secret.jpg")
    paths = ["images/000.jpg", "../../secret.jpg", outside, f"file://{outside}", "C:\\secret.jpg"]
    images = [{"bytes": None, "path": path} for path in paths]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(images, kind)}), folder / "t.parquet")
    found = [item.uri for item in open_source(str(folder / "t.parquet"))]
    assert fetch(found[0]) == toy.jpeg(0)
    for uri in found[1:]:
        with pytest.raises(ImageError, match="leads out of the table's folder"):
            fetch(uri)


@pytest.mark.parametrize(
    "secret",
    [b"password=hunter2", b"P4ssw0rd_hunter2\nhunter2", b"\x00\x01hunter2", b"P6 hunter2 hunter2"],
)
def test_no_reason_quotes_a_file_that_is_no_picture(secret, tmp_path):
    from hamsight_core.images.decode import decode

    with pytest.raises(ImageError) as caught:
        decode(secret)
    assert "hunter" not in str(caught.value)
    assert secret[:4].hex(" ") not in str(caught.value)


def test_settings_allow_private_networks():
    assert Settings(allow_private=True).allow_private and not Settings().allow_private
