"""With what the package logs in, and where that never goes."""

from __future__ import annotations

import traceback
import warnings
from pathlib import Path

import pytest
import pyxnat

from xnat_upload import AuthenticationError, InsecureTransportWarning, InvalidIdentifierError
from xnat_upload.archive.credentials import Credentials, check_server, find_credentials, login_headers, open_interface

SERVER = "https://xnat.example"
COOKIE = {"Cookie": "JSESSIONID=ABC123"}


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A netrc with a login for one host."""
    path = tmp_path / "netrc"
    path.write_text("machine xnat.example login netrc-user password netrc-secret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What XNAT's container service sets."""
    monkeypatch.setenv("XNAT_HOST", SERVER)
    monkeypatch.setenv("XNAT_USER", "env-user")
    monkeypatch.setenv("XNAT_PASS", "env-secret")


def find(
    server: str | None = None,
    *,
    user: str | None = None,
    password: str | None = None,
    headers: dict[str, str] | None = None,
) -> Credentials:
    return find_credentials(server, user=user, password=password, headers=headers)


def test_arguments_come_first(netrc: Path, environment: None) -> None:
    found = find(SERVER, user="me", password="mine")
    assert (found.server, found.user, found.password, found.headers) == (SERVER, "me", "mine", {})


def test_an_existing_session_comes_before_all_else(netrc: Path, environment: None) -> None:
    found = find(SERVER, user="me", password="mine", headers=COOKIE)
    assert (found.user, found.password, found.headers) == ("", "", COOKIE)


def test_the_environment_comes_before_netrc(netrc: Path, environment: None) -> None:
    for found in (find(), find(SERVER), find(SERVER + "/")):
        assert (found.server, found.user, found.password) == (SERVER, "env-user", "env-secret")


def test_netrc_comes_last(netrc: Path) -> None:
    found = find(SERVER)
    assert (found.user, found.password) == ("netrc-user", "netrc-secret")
    assert find("https://xnat.example:8443/xnat").user == "netrc-user"


def test_a_user_without_password_is_looked_up_in_netrc_by_that_name(netrc: Path, environment: None) -> None:
    assert find(SERVER, user="netrc-user").password == "netrc-secret"
    with pytest.raises(AuthenticationError):
        find(SERVER, user="somebody-else")


@pytest.mark.parametrize(
    "server", ["https://other.example", "http://xnat.example", "https://xnat.example:444", "https://xnat.example/xnat"]
)
def test_the_environments_login_goes_to_no_other_server(environment: None, server: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        find(server)
    assert "env-secret" not in str(caught.value)
    assert "XNAT_USER and XNAT_PASS are those of XNAT_HOST" in str(caught.value)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("missing", ["XNAT_USER", "XNAT_PASS"])
def test_half_an_environment_is_none(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        monkeypatch.setenv(missing, value) if value is not None else monkeypatch.delenv(missing)
        with pytest.raises(AuthenticationError, match="Nothing complete"):
            find()


@pytest.mark.parametrize(
    ("user", "password"), [("me", None), (None, "mine"), ("me", ""), ("", "mine"), ("", ""), ("", None), (None, "")]
)
def test_half_credentials_are_not_completed_from_elsewhere(
    user: str | None, password: str | None, netrc: Path, environment: None
) -> None:
    with pytest.raises(
        AuthenticationError, match=r"Nothing complete to log in to https://xnat\.example with"
    ) as caught:
        find(SERVER, user=user, password=password)
    assert "mine" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "machine xnat.example login netrc-user\n",
        "machine xnat.example password netrc-secret\n",
        "machine other.example login netrc-user password netrc-secret\n",
        "machine xnat.example login",
        "",
    ],
)
def test_a_netrc_without_a_whole_login_for_the_host_is_none(netrc: Path, text: str) -> None:
    netrc.write_text(text)
    with pytest.raises(AuthenticationError):
        find(SERVER)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("machine a.example login a password b\nthis s3cret is no netrc", "Line 2 of"),
        ("\n\nmachine xnat.example login me s3cret password", "Line 3 of"),
        ("machine xnat.example login me password s3cr\udcffet", "is no text in UTF-8"),
    ],
)
def test_a_netrc_that_cannot_be_read_is_named_with_the_line_and_nothing_of_it_is_shown(
    netrc: Path, text: str, told: str
) -> None:
    netrc.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(AuthenticationError) as caught:
        find(SERVER)
    assert told in str(caught.value)
    assert str(netrc) in str(caught.value)
    assert "s3cr" not in str(caught.value)
    assert caught.value.__context__ is None
    assert find(SERVER, user="me", password="mine").user == "me"


def test_a_netrc_that_may_not_be_read_is_named(netrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(netrc.parent))
    with pytest.raises(AuthenticationError, match="cannot be read: Is a directory"):
        find(SERVER)


def test_nothing_at_all_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InvalidIdentifierError, match="set XNAT_HOST"):
        find()
    with pytest.raises(AuthenticationError, match=r"Give user and password.*netrc") as caught:
        find(SERVER)
    assert caught.value.url == SERVER


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Token": "secret"},
        {"Cookie": "secret=1"},
        {"cookie": ""},
        {"Cookie": "JSESSION=secret"},
        {"Cookie": "\0;;=,"},
        {"Cookie": 'JSESSIONID="secret'},
        {"Cookie": 'JSESSIONID="a\\012secret"'},
        {"Cookie": 'JSESSIONID="a;secret"'},
        {"Cookie": "JSESSIONID=; other=secret"},
        {"Cookie": "JSESSIONID=secret\r\nX: 1"},
        {"Authorization": "Bearer secret\nX: 1"},
        {"Authorization": "Bearer \0secret"},
        {"Authorization": "Bearer secret\x7f"},
        {"Authorization": "Bearer secret\u20ac"},
        {"Authorization": b"Bearer secret"},
        {"Authorization": None},
        {"Authorization: Bearer secret": ""},
        {"Authorization\n": "Bearer secret"},
        {b"Authorization": "Bearer secret"},
        {"": "secret", "Authorization": "Bearer secret"},
    ],
)
def test_headers_that_log_nobody_in_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError) as caught:
        find(SERVER, headers=headers)
    assert "secret" not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", " \t\n"])
def test_a_token_read_from_a_file_may_end_with_a_line_break(end: str) -> None:
    found = find(SERVER, headers={"Authorization": f"Bearer t{end}", "Cookie": f"JSESSIONID=ABC{end}"})
    assert found.headers == {"Authorization": "Bearer t", "Cookie": "JSESSIONID=ABC"}


@pytest.mark.parametrize(("user", "password"), [("me", b"secret"), (b"me", "secret"), ("me", "secret\udcfc"), (1, 2)])
def test_a_login_that_is_no_text_is_refused_without_showing_it(user: object, password: object) -> None:
    with pytest.raises(AuthenticationError, match="text") as caught:
        find(SERVER, user=user, password=password)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_session_travels_as_a_cookie_and_the_rest_as_headers() -> None:
    headers = {"cookie": 'a=1; JSESSIONID=ABC; SESSION_EXPIRATION_TIME="1,2"', "AUTHORIZATION": "Bearer t"}
    credentials = find(SERVER, headers=headers)
    assert login_headers(credentials) == {"AUTHORIZATION": "Bearer t"}
    interface = open_interface(credentials, verify=True)
    assert interface._http.cookies["JSESSIONID"] == "ABC"
    interface._http.close()


def test_nothing_secret_shows() -> None:
    for credentials in (
        find(SERVER, user="me", password="s3cr3t"),
        find(SERVER, headers={"Cookie": "JSESSIONID=s3cr3t"}),
    ):
        assert "s3cr3t" not in repr(credentials)
        assert "s3cr3t" not in f"{credentials}"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://xnat.example", "https://xnat.example"),
        ("https://xnat.example/", "https://xnat.example"),
        (" https://xnat.example/xnat// ", "https://xnat.example/xnat"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/xnat", "http://[::1]:8080/xnat"),
        ("HTTPS://XNAT.example", "HTTPS://XNAT.example"),
    ],
)
def test_an_address_that_can_be_used_is_kept(given: str, kept: str) -> None:
    assert check_server(given) == kept


@pytest.mark.parametrize(
    "server",
    [
        " ",
        "xnat.example",
        "ftp://xnat.example",
        "file:///etc/passwd",
        "https://",
        "https:///xnat",
        "https://:443",
        "https://xnat.example:0",
        "https://xnat.example:99999",
        "https://xnat.example:port",
        "https://[::1",
        "https://xnat.example?x=1",
        "https://xnat.example?",
        "https://xnat.example#",
        "https://xnat.example#x",
        "https://xnat .example",
        "https://xnat.example\r\nHost: other",
        "https://xnat.example\0",
        "https://" + "x" * 10_000 + "?",
        "https://user:s3cr3t@xnat.example?x",
        "ftp://user:s3cr3t@xnat.example",
        "user:s3cr3t@xnat.example",
        "https://user:s3cr3t@xnat.example",
        "https://s3cr3t@xnat.example",
        "https://@xnat.example",
        "https://user:s3/cr3t@xnat.example",
        "https://user:cr3t",
        "https://user:12/cr3t@xnat.example",
        "https://user:12?cr3t@xnat.example",
        "https:\\\\user:cr3t@xnat.example",
        "https://user:s%40cr3t%40xnat.example",
        "https://user%3As3cr3t%40xnat.example",
        "https://user:s3cr3t＠xnat.example",
        "https://xnat.example?token=cr3t",
        "https://xnat.example/xnat?token=cr3t",
        "https://xnat.example#access_token=cr3t",
        "https://xnat.example/;jsessionid=cr3t",
        "https://xnat.example/xnat;jsessionid=cr3t",
        "https://xnat.example/data/projects;jsessionid=cr3t",
        "https://xnat.example/app/template/Login.vm?password=cr3t",
    ],
)
def test_an_address_that_cannot_be_used_or_shown_is_refused(server: str) -> None:
    with pytest.raises(InvalidIdentifierError) as caught:
        check_server(server)
    assert "cr3t" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("server", ["http://xnat.example", "http://10.0.0.1:8080", "http://[fe80::1]"])
def test_a_login_that_crosses_the_network_unencrypted_is_warned_of(server: str) -> None:
    with pytest.warns(InsecureTransportWarning, match="crosses the network unencrypted"):
        open_interface(Credentials(server=server, user="me", password="mine"), verify=True)._http.close()


@pytest.mark.parametrize(
    "server",
    ["https://xnat.example", "HTTPS://xnat.example", "http://localhost:8080", "http://127.1.2.3", "http://[::1]:80"],
)
def test_a_login_that_is_encrypted_or_stays_on_the_machine_is_not_warned_of(server: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_interface(Credentials(server=server, user="me", password="mine"), verify=True)._http.close()


@pytest.mark.parametrize("verify", ["", "no/such/bundle.pem", Path("no/such/bundle.pem"), "x" * 10_000 + ".pem"])
def test_a_bundle_of_certificates_that_is_not_there_is_refused(verify: str | Path) -> None:
    with pytest.raises(InvalidIdentifierError, match="verify names no file or directory of certificates"):
        open_interface(Credentials(server=SERVER, user="me", password="mine"), verify=verify)


def test_certificates_are_verified_as_was_asked(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    for verify, kept in ((True, True), (False, False), (bundle, str(bundle)), (str(bundle), str(bundle))):
        interface: pyxnat.Interface = open_interface(
            Credentials(server=SERVER, user="me", password="mine"), verify=verify
        )
        assert interface._http.verify == kept
        interface._http.close()


def test_a_proxy_of_the_environment_is_left_to_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    interface = open_interface(Credentials(server=SERVER, user="me", password="mine"), verify=True)
    assert interface._http.proxies == {}
    interface._http.close()
