"""Who is logged in: HTTP sessions, failed attempts and alias tokens.  Nothing of it outlives the server."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field, replace

from xnat_upload.sandbox.site import Role
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.passwords import is_password
from xnat_upload.sandbox.store.records import User

LOCK_OUT_SECONDS = 3600.0


@dataclass
class HttpSession:
    """One JSESSIONID; `user` is ``None`` for an anonymous one."""

    id: str
    user: User | None
    last_used: float
    csrf_token: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class AliasToken:
    """A stand-in for a user's name and password."""

    alias: str
    secret: str = field(repr=False)
    login: str
    expires: float  # seconds since the epoch


class Logins:
    """All sessions and tokens of a site."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sessions: dict[str, HttpSession] = {}
        self._tokens: dict[str, AliasToken] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def find(self, session_id: str | None) -> HttpSession | None:
        """Find a living session and refresh it; an expired one is as good as none.

        See docs/xnat/logging-in.md, "The session cookie".
        """
        now = time.monotonic()
        with self._lock:
            session = self._sessions.get(session_id or "")
            if session is None or self._has_expired(session, now):
                return None
            session.last_used = now
            return session

    def open(self, user: User | None) -> HttpSession | None:
        """Open a session; ``None`` if the user has as many as the site allows."""
        now = time.monotonic()
        with self._lock:
            expired = [one.id for one in self._sessions.values() if self._has_expired(one, now)]
            for session_id in expired:
                del self._sessions[session_id]
            if user is not None:
                mine = sum(1 for one in self._sessions.values() if one.user and one.user.login == user.login)
                if mine >= self._archive.site.concurrent_max_sessions:
                    return None
                if self._archive.face.fixes_roles_at_login:
                    user = replace(user, roles_at_login=self._roles_of(user))
            session = HttpSession(secrets.token_hex(16).upper(), user, now)
            self._sessions[session.id] = session
            return session

    def _roles_of(self, user: User) -> dict[str, Role]:
        projects = self._archive.projects.values()
        return {one.id: one.members[user.login] for one in projects if user.login in one.members}

    def close(self, session_id: str) -> None:
        """Invalidate a session."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def close_all(self) -> None:
        """Invalidate every session."""
        with self._lock:
            self._sessions.clear()

    def _has_expired(self, session: HttpSession, now: float) -> bool:
        timeout = self._archive.site.session_timeout_seconds
        return timeout > 0 and now - session.last_used > timeout

    def authenticate(self, login: str, password: str) -> User | None:
        """Check a name and a password, or an alias token; every cause of refusal looks the same."""
        token = self.token(login)
        if token:
            valid = secrets.compare_digest(token.secret.encode(), password.encode())
            owner = self._archive.users.get(token.login) if valid else None
            return owner if owner and owner.enabled else None
        login = login.rpartition("/")[2]  # "provider/username"
        failures, since = self._failures.get(login, (0, 0.0))
        if failures >= self._archive.site.max_failed_logins and time.monotonic() - since < LOCK_OUT_SECONDS:
            return None
        user = self._archive.users.get(login)
        if user is None or not is_password(login, password, user.password_hash):
            self._failures[login] = (failures + 1, time.monotonic())
            return None
        self._failures.pop(login, None)
        return user if user.enabled and user.verified else None

    def stands_for(self, name: str, user: User) -> bool:
        """Tell whether `name` is the user's login or one of the user's tokens."""
        token = self._tokens.get(name)
        return name.rpartition("/")[2] == user.login or (token is not None and token.login == user.login)

    def issue_token(self, user: User) -> AliasToken:
        """Make an alias token for `user`."""
        expires = time.time() + self._archive.site.alias_token_timeout_seconds
        token = AliasToken(str(uuid.uuid4()), secrets.token_hex(32), user.login, expires)
        with self._lock:
            self._tokens[token.alias] = token
        return token

    def token(self, alias: str) -> AliasToken | None:
        """Find a token; one that has expired still answers to its name, and opens nothing."""
        with self._lock:
            token = self._tokens.get(alias)
        if token and token.expires < time.time():
            return AliasToken(token.alias, secrets.token_hex(32), token.login, token.expires)
        return token

    def tokens_of(self, user: User) -> list[AliasToken]:
        """All tokens of a user."""
        with self._lock:
            return [one for one in self._tokens.values() if one.login == user.login]

    def revoke_token(self, alias: str) -> None:
        """Make a token worthless."""
        with self._lock:
            self._tokens.pop(alias, None)
