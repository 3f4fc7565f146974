"""How the site is configured: the preferences that change what a client sees.

The names and the defaults are those of XNAT's site configuration.  An old server
is a profile, not a setting: nobody can switch a 1.6 to answer like a 1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

Profile = Literal["1.6", "1.8", "1.10", "1.11"]
"""Whose answers are given: 1.6.4, which hospitals still run; 1.8.11; 1.10.2 and later; 1.11, which is coming."""

Accessibility = Literal["private", "protected", "public"]
Role = Literal["owner", "member", "collaborator"]


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """The site preferences that can be seen through the REST interface.

    Parameters
    ----------
    site_id : str
        Realm of the Basic challenge and prefix of generated IDs.
    checksums : bool
        Whether catalog entries get an MD5 digest when the catalog is written.
    maintain_file_history : bool
        Whether a replaced file is kept under ``cache/.history``.
    require_login : bool
        Whether anonymous requests are refused; otherwise they run as ``guest``.
    session_timeout_seconds : float
        Idle time after which a JSESSIONID means nothing any more.
    concurrent_max_sessions : int
        Open sessions per user; the next login is refused with the generic 401.
    alias_token_timeout_seconds : float
        Life of an alias token.
    require_change_justification : bool
        Whether writes without ``event_reason`` fail with 500.
    allow_non_admin_project_creation : bool
        Whether ordinary users may create projects.
    enable_csrf_token : bool
        Whether browsers must send ``XNAT_CSRF`` with what they write.
    max_failed_logins : int
        Wrong passwords after which an account is locked for an hour.
    cookie_login : bool
        Whether a login lives on in its cookie. If not, the cookie alone is anonymous and changes with each request
        that logs in, as a 1.11 may do.
    gateway_login : bool
        Whether a gateway in front wants name and password with every request, and refuses the others itself.
    """

    site_id: str = "XNAT"
    checksums: bool = True
    maintain_file_history: bool = False
    require_login: bool = True
    session_timeout_seconds: float = 15 * 60
    concurrent_max_sessions: int = 1000
    alias_token_timeout_seconds: float = 2 * 24 * 3600
    require_change_justification: bool = False
    allow_non_admin_project_creation: bool = True
    enable_csrf_token: bool = True
    max_failed_logins: int = 20
    cookie_login: bool = True
    gateway_login: bool = False


def site_settings(texts: Mapping[str, str]) -> SiteSettings:
    """Read settings that were written down as text, such as ``{"checksums": "false"}``."""
    kinds = get_type_hints(SiteSettings)
    read: dict[str, Any] = {}
    for name, value in texts.items():
        if name not in kinds:
            raise ValueError(f"There is no setting {name!r} of a site: it is one of {', '.join(sorted(kinds))}.")
        read[name] = _value(name, value, kinds[name])
    return SiteSettings(**read)


def _value(name: str, value: str, kind: type[Any]) -> Any:
    if kind is bool:
        if value.lower() not in ("true", "false"):
            raise ValueError(f"{name} is {value!r}, and must be true or false.")
        return value.lower() == "true"
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}, and must be a number.") from error
