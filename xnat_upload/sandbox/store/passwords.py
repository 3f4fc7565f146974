"""Passwords as they are kept: salted and hashed by scrypt, never in clear.

One hash costs about ten milliseconds, on purpose.  A client that sends its name and password
with every request would pay that each time, so what has been found right is remembered
for the life of the process, under a key that dies with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from xnat_upload.sandbox.store.records import User

COST = 1 << 12  # a quarter of what is usual: the accounts of tests are made by the hundred
_KEY = secrets.token_bytes(32)
_REMEMBERED: dict[bytes, str] = {}


def account(login: str, password: str, *, site_admin: bool = False) -> User:
    """Make the record of an account."""
    return User(login=login, password_hash=hashed(login, password), site_admin=site_admin)


def hashed(login: str, password: str) -> str:
    """Give what is kept of a password: salt and hash, in hexadecimal digits."""
    mark = _mark(login, password)
    if mark not in _REMEMBERED:
        salt = secrets.token_bytes(16)
        _REMEMBERED[mark] = f"{salt.hex()}${_scrypt(password, salt)}"
    return _REMEMBERED[mark]


def is_password(login: str, password: str, kept: str) -> bool:
    """Tell whether `password` is the one that `kept` was made of; of an empty one nothing was, so it never is."""
    salt, _, digest = kept.partition("$")
    if not digest:
        return False
    mark = _mark(login, password)
    if _REMEMBERED.get(mark) == kept:
        return True
    is_right = hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), digest)
    if is_right:
        _REMEMBERED[mark] = kept
    return is_right


def _mark(login: str, password: str) -> bytes:
    return hmac.digest(_KEY, f"{login}\0{password}".encode("utf-8", "surrogatepass"), "sha256")


def _scrypt(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=COST, r=8, p=1).hex()
