"""The page reached from elsewhere: through a proxy, over TLS, with a password, in a frame."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import prepared
import pytest
import toy
from visitor import Answer, Visitor

import hamsight
from hamsight_core.errors import UsageError
from hamsight_explore import Options, start

PASSWORD = "correct horse battery"
HUB = "https://hub.example/user/ann/proxy/{port}"


@pytest.fixture(scope="module")
def dsn(engine: str) -> Iterator[str]:
    database = f"test_{uuid.uuid4().hex[:12]}"
    made = f"chdb://{engine}?database={database}"
    with hamsight.open(made) as opened:
        opened.catalog(create=True)
        yield made
        opened.sql(f"DROP DATABASE {database}", write=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, "--certificate and --key, or --behind-proxy"),
        ({"host": "::"}, "ssh -L"),
        ({"host": "192.168.1.7", "password": PASSWORD}, "could read along"),
        ({"host": "0.0.0.0", "behind_proxy": True}, "--allowed-host"),
        ({"password": "short"}, "at least 12"),
        ({"certificate": "a.pem"}, "go together"),
        ({"certificate": "/nowhere.pem", "key": "/nowhere.key"}, "no such file"),
        ({"allowed_hosts": ("a b",)}, "a name or NAME:PORT"),
        ({"allowed_hosts": ("*",)}, "a name or NAME:PORT"),
        ({"allowed_hosts": ("http://a",)}, "a name or NAME:PORT"),
        ({"root_path": "hub"}, "--root-path"),
        ({"root_path": "ftp://hub/a"}, "--root-path"),
        ({"root_path": "https://hub/a;b"}, "--root-path"),
        ({"root_path": "https://user@hub/a"}, "--root-path"),
        ({"root_path": "//hub/a"}, "--root-path"),
        ({"root_path": "/a/<script>"}, "--root-path"),
    ],
)
def test_what_would_let_strangers_in_is_refused(given: dict, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Options(**given)


@pytest.mark.parametrize("keeps", [False, True], ids=["stripped", "kept"])
def test_a_proxy_has_the_page_under_its_own_name(dsn: str, keeps: bool) -> None:
    with start(dsn, Options(root_path=HUB)) as running:
        visitor = Visitor(running, let_in=False)
        visitor.host = "hub.example"
        prefix = f"/user/ann/proxy/{running.port}"
        link = urlsplit(running.link())
        assert (link.scheme, link.netloc, link.path) == ("https", "hub.example", f"{prefix}/")
        asked = prefix if keeps else ""
        answer = visitor.send("GET", f"{asked}/?{link.query}&q=text:dog")
        assert answer.headers["location"] == "./?q=text%3Adog"
        cookie = answer.headers["set-cookie"]
        assert f"Path={prefix};" in cookie and cookie.endswith("; Secure")
        visitor.cookie = cookie.partition(";")[0]
        assert visitor.send("GET", f"{asked}/api/catalog").status == 200
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors https://hub.example;" in policy
        for origin, status in (("https://hub.example", 200), ("https://evil.example", 403)):
            headers = {"Content-Type": "application/json", "Origin": origin}
            body = json.dumps({"page": "p", "operation": "none"}).encode()
            assert visitor.send("POST", f"{asked}/api/selection", body, headers).status == status
        for host in ("evil.example", "hub.example.evil", "hub.example:1"):
            assert visitor.send("GET", "/api/health", headers={"Host": host}).status == 421


def log_in(visitor: Visitor, password: str) -> Answer:
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    return visitor.send("POST", "/log-in", urlencode({"password": password}).encode(), kind)


def test_a_password_lets_in_and_cannot_be_guessed(dsn: str) -> None:
    options = Options(behind_proxy=True, allowed_hosts=("photos.example",), password=PASSWORD)
    with start(dsn, options) as running:
        assert running.link().startswith("https://photos.example/?token=")
        visitor = Visitor(running, let_in=False)
        visitor.host = "photos.example"
        form = visitor.send("GET", "/", headers={"Accept": "text/html"})
        assert form.status == 401 and b'type="password"' in form.body
        assert visitor.get("catalog").status == 401
        answer = log_in(visitor, PASSWORD)
        assert answer.status == 303 and "Secure" in answer.headers["set-cookie"]
        visitor.cookie = answer.headers["set-cookie"].partition(";")[0]
        assert visitor.get("catalog").status == 200
        foreign = {"Origin": "https://evil.example"}
        assert visitor.send("POST", "/log-in", b"password=x", foreign).status == 403
        stranger = Visitor(running, let_in=False)
        for guess in ("", "x" * 100_000, PASSWORD[:-1], "%00", "\N{GRINNING FACE}"):
            answer = log_in(stranger, guess)
            assert answer.status == 403 and "set-cookie" not in answer.headers
        for _ in range(5):
            assert stranger.send("GET", "/?token=guess").status == 403
        assert log_in(stranger, PASSWORD).status == 429
        assert stranger.send("GET", f"/?{urlsplit(running.link()).query}").status == 429
        assert visitor.get("catalog").status == 200
    with start(dsn) as running:
        assert log_in(Visitor(running, let_in=False), "").status == 401


def test_the_page_over_tls(dsn: str, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl is here to make a certificate")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "certificate"]
    subprocess.run([*made, *files], cwd=tmp_path, check=True, capture_output=True)
    given = {"certificate": str(tmp_path / "certificate"), "key": str(tmp_path / "key")}
    options = Options(host="0.0.0.0", allowed_hosts=("photos.example", "localhost"), **given)
    with start(dsn, options) as running:
        link = urlsplit(running.link())
        assert (link.scheme, link.netloc) == ("https", f"photos.example:{running.port}")
        context = ssl.create_default_context(cafile=given["certificate"])
        connection = http.client.HTTPSConnection("localhost", running.port, context=context)
        connection.request("GET", f"/?{link.query}")
        answer = connection.getresponse()
        assert answer.status == 303 and "Secure" in answer.headers["set-cookie"]
        connection.close()
    wrong = {"certificate": given["key"], "key": given["key"]}
    with pytest.raises(UsageError, match="--certificate"):
        start(dsn, Options(**wrong))


def test_a_link_may_name_the_notebook_that_frames_the_page(dsn: str) -> None:
    with start(dsn) as running:
        html = running._repr_html_()
        token = re.search(r"token=([\w-]+)", html)
        assert token is not None and "location.origin" in html
        stranger = Visitor(running, let_in=False)
        for frame in ("https://evil.example", "http://localhost.evil:1", "*", "http://[::1]:1;x"):
            asked = urlencode({"token": "x", "frame": frame})
            assert stranger.send("GET", f"/?{asked}").status == 403
            link = urlsplit(running.link()).query
            answer = stranger.send("GET", f"/?{link}&{urlencode({'frame': frame})}")
            assert (answer.status, answer.headers["location"]) == (303, "./")
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        asked = urlencode({"token": token[1], "frame": "http://localhost:8888"})
        answer = stranger.send("GET", f"/?{asked}")
        assert answer.status == 303
        policy = stranger.send("GET", "/").headers["content-security-policy"]
        assert "frame-ancestors http://localhost:8888;" in policy


def test_secrets_stand_in_no_log_and_the_tunnel_is_named(tmp_path: Path) -> None:
    toy.photos(tmp_path / "photos", 2)
    with Explored(tmp_path, "SSH_CONNECTION=10.0.0.1 1 10.0.0.2 22") as (served, link):
        parts = urlsplit(link)
        for path in (f"/?{parts.query}", f"/x?{parts.query}", f"/%zz?{parts.query}", "/\x01"):
            connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
            connection.putrequest("GET", path.replace("\x01", "%01"))
            connection.putheader("Cookie", f"hamsight_{parts.port}={parts.query}")
            connection.endheaders()
            connection.getresponse().read()
            connection.close()
        broken = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
        broken.connect()
        broken.sock.sendall(f"GET /?{parts.query} NONSENSE\r\n\r\n".encode())
        broken.sock.recv(1000)
        broken.close()
        served.terminate()
        said = served.communicate(timeout=60)[1]
    assert f"ssh -L {parts.port}:127.0.0.1:{parts.port} 10.0.0.2" in said
    assert parts.query.partition("=")[2] not in said and "Traceback" not in said


class Explored:
    """`hamsight explore` in a process of its own, with variables of the environment."""

    def __init__(self, folder: Path, *variables: str) -> None:
        made = "import sys, hamsight; hamsight.open(sys.argv[1]).catalog(create=True)"
        prepared.run([sys.executable, "-c", made, folder / "catalog"], check=True)
        command = [sys.executable, "-m", "hamsight", "explore", "--no-browser", "--db"]
        self._served = prepared.Process(
            [*command, str(folder / "catalog")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**prepared.environment(), **dict(one.split("=", 1) for one in variables)},
        )

    def __enter__(self) -> tuple[subprocess.Popen, str]:
        assert self._served.stdout is not None
        return self._served, self._served.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        if self._served.poll() is None:
            self._served.terminate()
            self._served.wait(60)
