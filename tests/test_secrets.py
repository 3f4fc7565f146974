"""Nothing secret in any message, cause, context, repr, pickle or log, whichever way it came in and whatever failed."""

from __future__ import annotations

import base64
import contextlib
import logging
import pickle
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pyxnat
import tblib.pickling_support

from tests.archive.test_odd_answers import HTML, Conversation
from tests.hospital import IMPATIENT
from tests.odd_server import LOGGED_IN, OddServer, answer
from xnat_upload import Report, Uploader, XnatUploadError
from xnat_upload.cli.main import run

pytestmark = [
    pytest.mark.filterwarnings("ignore::xnat_upload.InsecureTransportWarning"),
    pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning"),
]

# Each secret holds this, whatever is done to the rest of it.
MARK = "s3cr3t"
USER, PASSWORD = "ada", f"pass-{MARK}-word"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ONCE = replace(
    IMPATIENT, attempts=2, connect_timeout_seconds=0.5, read_timeout_seconds=0.5, exchange_timeout_seconds=1.0
)
SESSION = f"JSESSIONID=session-{MARK}"
PLANTED = (
    f"Location: https://ada:{MARK}@login.example/saml;jsessionid={MARK}?code={MARK}#token={MARK}\r\n"
    f"Set-Cookie: {SESSION}; Path=/\r\nWWW-Authenticate: Basic realm=x\r\nX-Token: {MARK}\r\n"
)


def planted(status: int, body: bytes = b"", *, content_type: str = "text/html") -> bytes:
    return answer(body, status=status, content_type=content_type, headers=PLANTED)


WELL = LOGGED_IN.replace(b"JSESSIONID=A1", SESSION.encode())
ODD = {
    **{str(status): planted(status) for status in (204, 302, 400, 401, 403, 404, 407, 409, 413, 500, 503, 504)},
    "page": HTML.replace(b"\r\n\r\n", b"\r\n" + PLANTED.encode() + b"\r\n", 1),
    "echo": planted(500, f"<h3>Cookie: {SESSION} Authorization: Basic {BASIC} to http://ada:{MARK}@x/</h3>".encode()),
    "words": planted(200, b"hello", content_type="text/plain"),
    "cut": b"HTTP/1.1 200 \r\n" + PLANTED.encode() + b"Content-Length: 10\r\n\r\nabc",
    "no http": f"{MARK} no http\r\n\r\n".encode(),
    "broken heads": f"HTTP/1.1 200 \r\nbroken\r\nSet-Cookie: {SESSION}\r\nContent-Length: 3\r\n\r\nabc".encode(),
    "folded cookie": f"HTTP/1.1 200 \r\nSet-Cookie: JSESSIONID=a\r\n {MARK}\r\nContent-Length: 0\r\n\r\n".encode(),
    "packed": answer(b"no gzip", headers=f"Content-Encoding: gzip\r\n{PLANTED}"),
    "nothing": b"",
}


class Ways:
    """The public ways to give a login, each with something secret."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._environment = monkeypatch
        self._folder = folder

    def __iter__(self) -> Iterator[Callable[[str], Uploader]]:
        return iter([self.arguments, self.token, self.cookie, self.environment, self.netrc, self.interface])

    def arguments(self, server: str) -> Uploader:
        return Uploader.connect(server, user=USER, password=PASSWORD, settings=ONCE)

    def token(self, server: str) -> Uploader:
        return Uploader.connect(server, headers={"Authorization": f"Bearer {MARK}\n"}, settings=ONCE)

    def cookie(self, server: str) -> Uploader:
        return Uploader.connect(server, headers={"Cookie": f"{SESSION}; other={MARK}"}, settings=ONCE)

    def environment(self, server: str) -> Uploader:
        with self._environment.context() as environment:
            for name, value in (("XNAT_HOST", server), ("XNAT_USER", USER), ("XNAT_PASS", PASSWORD)):
                environment.setenv(name, value)
            return Uploader.connect(settings=ONCE)

    def netrc(self, server: str) -> Uploader:
        path = self._folder / "netrc"
        path.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\ndefault login {USER} password {MARK}\n")
        with self._environment.context() as environment:
            environment.setenv("NETRC", str(path))
            return Uploader.connect(server, settings=ONCE)

    def interface(self, server: str) -> Uploader:
        return Uploader(pyxnat.Interface(server, USER, PASSWORD), settings=ONCE)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ways:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "a.nii").write_bytes(b"abc")
    return Ways(monkeypatch, tmp_path)


def used(connect: Callable[[str], Uploader], server: str, folder: Path) -> list[object]:
    """Log in and upload; give all that comes of it: the uploader, the report, the error."""
    made: list[object] = []
    try:
        with connect(server) as uploader:
            made.append(uploader)
            report = uploader.upload(
                "a.nii", root=folder, hub_project_id="hub-1", accession_id="ACC", scan_id="4", resource_id="SEG"
            )
            made.append(report)
    except XnatUploadError as error:
        made.append(error)
    return made


tblib.pickling_support.install()  # as dask does: errors are pickled with their causes, and must still be


def texts(thing: object) -> Iterator[str]:
    """Show a thing in every way, an error with all that it holds."""
    yield from (repr(thing), str(thing), f"{thing}")
    if hasattr(thing, "_repr_html_"):
        yield thing._repr_html_()
    if isinstance(thing, Report):
        yield thing.to_json() + thing.to_csv()
    if not isinstance(thing, BaseException):
        with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):
            yield pickle.dumps(thing).decode("latin-1")
        return
    if isinstance(thing, XnatUploadError):
        yield pickle.dumps(thing).decode("latin-1")
    yield "".join(traceback.format_exception(thing))
    yield from (repr(vars(thing)), repr(thing.args), repr(getattr(thing, "__notes__", "")))
    for inner in (thing.__cause__, thing.__context__, getattr(thing, "report", None)):
        if inner is not None:
            yield from texts(inner)
            yield repr(vars(inner))


def assert_harmless(made: list[object], caplog: pytest.LogCaptureFixture) -> None:
    shown = "\n".join([*(text for thing in made for text in texts(thing)), caplog.text])
    found = [line for line in shown.splitlines() if MARK in line or BASIC in line]
    assert not found, found[:3]


@pytest.mark.parametrize("answered", ODD)
@pytest.mark.parametrize("asked", ["login", "projects", "session", "resource", "listing", "file"])
def test_nothing_secret_shows_whatever_is_answered(
    asked: str, answered: str, ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    odd = {} if asked == "login" else {asked: ODD[answered]}
    connects = ways if asked == "login" else [ways.arguments, ways.token]
    for connect in connects:
        with OddServer(Conversation(**odd), login=ODD[answered] if asked == "login" else WELL) as server:
            made = used(connect, server.url, tmp_path)
        assert made
        assert_harmless(made, caplog)


def test_nothing_secret_shows_where_nothing_answers(
    ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = ["http://no-such-host.invalid", "http://127.0.0.1:9", "https://127.0.0.1:9"]
        silent_address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for address, connect in [*((each, way) for each in addresses for way in ways), (silent_address, ways.token)]:
            made = used(connect, address, tmp_path)
            assert isinstance(made[-1], XnatUploadError)
            assert_harmless(made, caplog)
    for proxy in (f"http://ada:{MARK}@127.0.0.1:9", f"http://ada:{MARK}@no-proxy.invalid:1", f"socks5://a:{MARK}@x:1"):
        monkeypatch.setenv("http_proxy", proxy)
        for connect in ways:
            made = used(connect, "http://xnat.example", tmp_path)
            assert isinstance(made[-1], XnatUploadError)
            assert_harmless(made, caplog)


@pytest.mark.parametrize(
    "address",
    [
        f"http://ada:{MARK}@127.0.0.1:9",
        f"http://{MARK}@127.0.0.1:9/xnat",
        f"http://ada:12/{MARK}@127.0.0.1:9",
        f"http://ada%3A{MARK}%40127.0.0.1:9",
        f"http://127.0.0.1:9/?token={MARK}",
        f"http://127.0.0.1:9/xnat;jsessionid={MARK}",
        f"http://127.0.0.1:9/#access_token={MARK}",
        f"http://ada:{MARK}",
    ],
)
def test_nothing_secret_of_an_address_shows(
    address: str, ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for connect in ways:
        made = used(connect, address, tmp_path)
        assert isinstance(made[-1], XnatUploadError)
        assert_harmless(made, caplog)


@pytest.mark.parametrize("value", [f"Bearer {MARK}\nX: y", f"Bearer {MARK}\0", f"Bearer {MARK}\u20ac"])
def test_nothing_secret_of_a_brought_interface_shows(
    value: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def with_header(server: str) -> Uploader:
        interface = pyxnat.Interface(server, USER, PASSWORD)
        interface._http.headers["Authorization"] = value
        return Uploader(interface, settings=ONCE)

    def with_password(server: str) -> Uploader:
        return Uploader(pyxnat.Interface(server, USER, f"{MARK}\udcfc"), settings=ONCE)

    def with_proxy(server: str) -> Uploader:
        interface = pyxnat.Interface(server, USER, PASSWORD)
        interface._http.proxies = {"http": f"http://ada:{MARK}@"}
        return Uploader(interface, settings=ONCE)

    with OddServer(Conversation(), login=WELL) as server:
        for connect in (with_header, with_password, with_proxy):
            made = used(connect, server.url, tmp_path)
            assert isinstance(made[-1], XnatUploadError)
            assert_harmless(made, caplog)


@pytest.mark.parametrize("login", [planted(401), planted(302), ODD["broken heads"], WELL])
def test_nothing_secret_is_printed_by_the_command(
    login: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.nii").write_bytes(b"abc")
    monkeypatch.chdir(tmp_path)
    with OddServer(Conversation(file=planted(400)), login=login) as server:
        for name, value in (("XNAT_HOST", server.url), ("XNAT_USER", USER), ("XNAT_PASS", PASSWORD)):
            monkeypatch.setenv(name, value)
        place = ["--hub-project", "hub-1", "--accession", "ACC", "--scan", "4", "--resource", "SEG"]
        assert run(["put", "a.nii", *place, "--debug", "--json"]) != 0
    assert MARK not in "".join(capfd.readouterr())
