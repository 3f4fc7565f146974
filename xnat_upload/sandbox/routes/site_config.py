"""``/xapi/siteConfig``, ``/xapi/plugins``: preferences of the site (XNAT: SiteConfigApi, XnatPluginApi).

Some preferences change what the sandbox does; all others are kept and given back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.spring import SpringRefusal, check_admin, json_answer, json_object
from xnat_upload.sandbox.store.records import SiteDocument

STARTED = time.monotonic()
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600, "year": 365 * 24 * 3600}


def _is_true(value: object) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError(f"{value!r} is neither true nor false")
    return str(value).lower() == "true"


def _seconds(value: object) -> float:
    """Read ``15 minutes``; a number alone is minutes."""
    number, _, unit = str(value).strip().partition(" ")
    return float(number) * UNITS[unit.rstrip("s") or "minute"]


# The preferences that have an effect here: the setting each is, and how its value is read.
EFFECTIVE: dict[str, tuple[str, Callable[[Any], object]]] = {
    "siteId": ("site_id", str),
    "checksums": ("checksums", _is_true),
    "maintainFileHistory": ("maintain_file_history", _is_true),
    "requireLogin": ("require_login", _is_true),
    "sessionTimeout": ("session_timeout_seconds", _seconds),
    "concurrentMaxSessions": ("concurrent_max_sessions", int),
    "aliasTokenTimeout": ("alias_token_timeout_seconds", _seconds),
    "requireChangeJustification": ("require_change_justification", _is_true),
    "uiAllowNonAdminProjectCreation": ("allow_non_admin_project_creation", _is_true),
    "enableCsrfToken": ("enable_csrf_token", _is_true),
    "maxFailedLogins": ("max_failed_logins", int),
}


def _preferences(request: Request) -> dict[str, object]:
    archive = request.archive
    site: dict[str, object] = {
        "initialized": True,
        "adminEmail": "you@yoursite.org",
        "siteUrl": f"http://{request.headers.get('host', 'localhost')}{request.context_path}",
        "archivePath": str(archive.archive_folder),
        "cachePath": str(archive.cache_folder),
        "buildPath": str(archive.build_folder),
        "primaryAdminUsername": "admin",
        "restrictUserListAccessToAdmins": True,
    }
    kept = {one.name: json.loads(one.text) for one in archive.documents_of("preference")}
    effective = {name: getattr(archive.site, field) for name, (field, _) in EFFECTIVE.items()}
    timeouts = ("sessionTimeout", "aliasTokenTimeout")
    return site | kept | effective | {name: f"{effective[name] / 60:g} minutes" for name in timeouts}


def read_preferences(request: Request) -> Answer:
    """``GET /xapi/siteConfig``."""
    return json_answer(_preferences(request))


def read_values(request: Request) -> Answer:
    """``GET /xapi/siteConfig/values/{names}``: several, separated by commas."""
    wanted = request.params["names"].split(",")
    return json_answer({name: value for name, value in _preferences(request).items() if name in wanted})


def read_preference(request: Request) -> Answer:
    """``GET /xapi/siteConfig/{name}``."""
    name, preferences = request.params["name"], _preferences(request)
    if name not in preferences:
        raise SpringRefusal(404, f"No site configuration property named {name}")
    return json_answer(preferences[name])


def post_preferences(request: Request) -> Answer:
    """``POST /xapi/siteConfig`` and ``/batch``: for administrators."""
    check_admin(request)
    _set(request, json_object(request))
    return Answer(200, ())


def post_preference(request: Request) -> Answer:
    """``POST /xapi/siteConfig/{name}``: the body is its value."""
    check_admin(request)
    _set(request, {request.params["name"]: b"".join(request.body.blocks()).decode("utf-8", "replace").strip('"')})
    return Answer(200, ())


def _set(request: Request, preferences: Mapping[str, object]) -> None:
    archive = request.archive
    try:
        changes = {
            EFFECTIVE[name][0]: EFFECTIVE[name][1](value) for name, value in preferences.items() if name in EFFECTIVE
        }
    except (ValueError, KeyError) as error:
        raise SpringRefusal(400, f"A preference has no legal value: {error}") from error
    with archive.lock:
        archive.site = replace(archive.site, **changes)  # type: ignore[arg-type]
        for name, value in preferences.items():
            if name not in EFFECTIVE:
                archive.save(SiteDocument(kind="preference", name=name, text=json.dumps(value)))


def uptime(request: Request) -> Answer:
    """``GET /xapi/siteConfig/uptime``."""
    minutes, seconds = divmod(time.monotonic() - STARTED, 60)
    parts = {"minutes": f"{minutes:.0f}", "seconds": f"{seconds:.3f}"}
    return json_answer({name: value for name, value in parts.items() if value != "0"})


def uptime_display(request: Request) -> Answer:
    """``GET /xapi/siteConfig/uptime/display``."""
    minutes, seconds = divmod(time.monotonic() - STARTED, 60)
    return json_answer(f"{minutes:.0f} minutes, {seconds:.3f} seconds" if minutes else f"{seconds:.3f} seconds")


def list_plugins(request: Request) -> Answer:
    """``GET /xapi/plugins``: there are none."""
    return json_answer({})


def read_plugin(request: Request) -> Answer:
    """``GET /xapi/plugins/{plugin}``."""
    raise SpringRefusal(404, f"No plugin with ID {request.params['plugin']} could be found on this system")
