"""What a sandbox with a directory of its own leaves there: whole, private, and without a password in clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sandbox.places import Caller
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.store import passwords

PASSWORD = "correct horse battery staple"


def log_in(sandbox: Sandbox, login: str, password: str) -> int:
    caller = Caller(sandbox.url, login, password)
    with caller.session:
        return caller("GET", "/data/auth").status_code


def test_passwords_are_kept_hashed_and_still_open_after_a_restart(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path, password=PASSWORD, accounts={"ada": PASSWORD}) as sandbox:
        sandbox.add_user("bob", PASSWORD)
        assert [log_in(sandbox, login, PASSWORD) for login in ("admin", "ada", "bob")] == [200] * 3
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    passwords._REMEMBERED.clear()
    with Sandbox(data=tmp_path, password=PASSWORD) as sandbox:
        assert [log_in(sandbox, login, PASSWORD) for login in ("admin", "ada", "bob")] == [200] * 3
        assert [log_in(sandbox, login, "x") for login in ("admin", "ada", "bob")] == [401] * 3
        assert log_in(sandbox, "guest", "") == 401


def test_equal_passwords_of_two_accounts_look_different() -> None:
    assert passwords.hashed("ada", PASSWORD) != passwords.hashed("bob", PASSWORD)


def test_right_password_is_hashed_once_and_a_wrong_one_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = passwords.hashed("eve", PASSWORD)
    passwords._REMEMBERED.clear()
    hashes: list[str] = []
    scrypt = passwords._scrypt

    def counted(password: str, salt: bytes) -> str:
        hashes.append(password)
        return scrypt(password, salt)

    monkeypatch.setattr(passwords, "_scrypt", counted)
    assert all(passwords.is_password("eve", PASSWORD, kept) for _ in range(5))
    assert not any(passwords.is_password("eve", "x", kept) for _ in range(2))
    assert hashes == [PASSWORD, "x", "x"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_data_is_private_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Sandbox(data=tmp_path / "new") as sandbox:
            sandbox.add_project("P")
        (tmp_path / "there").mkdir(mode=0o755)
        (tmp_path / "there" / "archive").mkdir(mode=0o755)
        with Sandbox(data=tmp_path / "there"):
            pass
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes.pop("new") == 0o700
    assert modes.pop("there") == 0o755  # not ours to change
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_torn_last_line_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.add_project("P")
    journal = tmp_path / "records.jsonl"
    for torn in (b'["save", "Project", {"id": "TORN", "secon', b'["sa\xc3', b"\x00\x00"):
        journal.write_bytes(journal.read_bytes() + torn)
        with Sandbox(data=tmp_path) as sandbox:
            caller = Caller(sandbox.url, "admin", "admin")
            with caller.session:
                assert next(row["ID"] for row in caller.rows("/data/projects")) == "P"
                assert caller("PUT", f"/data/projects/N{len(torn)}").status_code == 200
    with Sandbox(data=tmp_path) as sandbox:
        caller = Caller(sandbox.url, "admin", "admin")
        with caller.session:
            assert len(caller.rows("/data/projects")) == 4


def test_damage_in_the_middle_is_told_with_its_line(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.add_project("P")
    journal = tmp_path / "records.jsonl"
    journal.write_text("damaged\n" + journal.read_text())
    with pytest.raises(ValueError, match=r"Line 1 of .*records.jsonl is damaged .* start with another directory"):
        Sandbox(data=tmp_path).start()
