"""Logging in, and being known: JSESSION, auth, services/auth, alias tokens.

See docs/xnat/logging-in.md, "JSESSION, auth and services/auth" and "Alias tokens".
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty, stream, text
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.logins import AliasToken

MAX_FORM_BYTES = 1 << 16


def _with_csrf(request: Request, value: str) -> Answer:
    if request.query.is_true("CSRF"):
        value += f"; XNAT_CSRF={request.http_session.csrf_token}"
    return text(value)


def read_jsession(request: Request) -> Answer:
    """``GET /data/JSESSION``: 200 and an ID for everybody, the anonymous included."""
    return _with_csrf(request, request.http_session.id)


def delete_jsession(request: Request) -> Answer:
    """``DELETE /data/JSESSION``: log out."""
    request.logins.close(request.http_session.id)
    return empty()


def read_auth(request: Request) -> Answer:
    """``GET /data/auth``: the real test of a login."""
    return _with_csrf(request, f"User '{request.user.login}' is logged in")


def put_service_auth(request: Request) -> Answer:
    """``PUT /data/services/auth``: log in with a form-like body, whatever its Content-Type."""
    if request.body.size > MAX_FORM_BYTES:
        raise Refusal(400)
    form = dict(parse_qsl(b"".join(request.body.blocks()).decode("utf-8", "replace")))
    if not form:
        raise Refusal(404)
    login = form.get("username") or form.get("j_username", "")
    password = form.get("password") or form.get("j_password", "")
    user = request.logins.authenticate(login, password) if login else None
    session = request.logins.open(user) if user else None
    if session is None:
        raise Refusal(401, "Authentication failed.")
    cookie = f"JSESSIONID={session.id}; Path={request.context_path or '/'}; HttpOnly"
    return text(session.id).with_headers(("set-cookie", cookie))


def read_service_auth(request: Request) -> Answer:
    """``GET /data/services/auth`` does not exist."""
    raise Refusal(404)


def tokens(request: Request) -> Answer:
    """``GET /data/services/tokens/{operation}…``."""
    if request.user.login == "guest":
        raise Refusal(403, "The guest user can't request alias tokens")
    operation, *rest = request.tail.strip("/").split("/")
    user = request.user
    if len(rest) == 2 and rest[0] == "user":
        named = request.archive.users.get(rest[1])
        if rest[1] != user.login and not user.site_admin:
            raise Refusal(403, "Non-admin users can only request operations on alias tokens for their own account")
        user = named or user
    match operation, rest:
        case "issue", _:
            return _json(_token(request.logins.issue_token(user)))
        case "show", _:
            return _json([_token(one) for one in request.logins.tokens_of(user)])
        case "validate", [alias, secret]:
            token = request.logins.token(alias)
            if token is None:
                raise Refusal(404)
            return _json({"valid": token.login} if token.secret == secret else {})
        case "invalidate", [alias, *_]:
            request.logins.revoke_token(alias)
            return _json({"result": "OK"})
    raise Refusal(400)


def _token(token: AliasToken) -> dict[str, object]:
    return {
        "alias": token.alias,
        "secret": token.secret,
        "singleUse": False,
        "xdatUserId": token.login,
        "estimatedExpirationTime": int(token.expires * 1000),
    }


def _json(value: object) -> Answer:
    return stream("application/json", [json.dumps(value).encode()])
