"""``/xapi/users`` and ``/data/users``: accounts (XNAT: UsersApi, UserListResource)."""

from __future__ import annotations

import re
from dataclasses import replace

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.spring import SpringRefusal, check_admin, json_answer, json_body, json_object
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer
from xnat_upload.sandbox.store.passwords import hashed
from xnat_upload.sandbox.store.records import User

USERNAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ADMINISTRATOR = "Administrator"
MEMBER = "SiteUser"
ENDINGS = {"owner": "owner", "member": "member", "collaborator": "collaborator"}


def list_users(request: Request) -> Answer:
    """``GET /data/users``: the site restricts it to administrators, as it does by default."""
    if not request.user.site_admin:
        raise Refusal(403, "Access Denied: Only site managers can access site-level user resources.")
    columns = ("xdat_user_id", "login", "firstname", "lastname", "email")
    users = sorted((one for one in _users(request) if one.enabled), key=_last_name)
    rows: list[list[Cell]] = [[one.number, one.login, _first_name(one), _last_name(one), one.email] for one in users]
    return table_answer(Table(columns=columns, rows=rows, title="Projects"), request)  # sic


def _users(request: Request) -> list[User]:
    with request.archive.lock:
        return sorted(request.archive.users.values(), key=lambda one: one.number)


def _first_name(user: User) -> str:
    return user.first_name or user.login.capitalize()


def _last_name(user: User) -> str:
    return user.last_name or user.login.capitalize()


def _profile(user: User) -> dict[str, object]:
    return {
        "id": user.number,
        "username": user.login,
        "firstName": _first_name(user),
        "lastName": _last_name(user),
        "email": user.email,
        "enabled": user.enabled,
        "verified": user.verified,
        "secured": True,
    }


def user_names(request: Request) -> Answer:
    """``GET /xapi/users``."""
    check_admin(request)
    return json_answer([one.login for one in _users(request)])


def profiles(request: Request) -> Answer:
    """``GET /xapi/users/profiles`` and ``/current``: the second leaves out accounts that were disabled long ago."""
    check_admin(request)
    return json_answer([_profile(one) for one in _users(request)])


def profile(request: Request) -> Answer:
    """``GET /xapi/users/profile/{username}``."""
    check_admin(request)
    return json_answer(_profile(_named(request)))


def own_profile(request: Request) -> Answer:
    """``GET /xapi/users/profile``."""
    return json_answer(_profile(request.archive.users[request.user.login]))


def read_user(request: Request) -> Answer:
    """``GET /xapi/users/{username}``: one's own account; everybody's for an administrator."""
    return json_answer(_profile(_own_or_any(request)))


def _own_or_any(request: Request) -> User:
    if request.params["username"] != request.user.login:
        check_admin(request)
    return _named(request, 500)


def _named(request: Request, status: int = 404) -> User:
    name = request.params["username"]
    user = request.archive.users.get(name)
    if user is None:
        message = f"There was an error in the request : An error occurred initializing the user {name}"
        raise SpringRefusal(status, message if status == 500 else f"Unable to find user {name}")
    return user


def post_user(request: Request) -> Answer:
    """``POST /xapi/users``: 201 with the account, 400 for what is no account, 409 for a name that is taken."""
    check_admin(request)
    model = json_object(request)
    for name, pattern in (("username", USERNAME), ("email", EMAIL), ("firstName", None), ("lastName", None)):
        value = str(model.get(name) or "")
        if not value or (pattern and not pattern.fullmatch(value)):
            raise SpringRefusal(400, f"The field {name} is missing or has no valid format.")
    login = str(model["username"])
    with request.archive.lock:
        if login in request.archive.users:
            raise SpringRefusal(409, f"A user with the username {login} already exists.")
        # XNAT leaves an account that says nothing else disabled.
        user = _changed(User(login=login, password_hash="", enabled=False, verified=False), model)
        request.archive.save(user)
    return json_answer(_profile(request.archive.users[login]), 201)


def put_user(request: Request) -> Answer:
    """``PUT /xapi/users/{username}``: 304 where nothing changes."""
    check_admin(request)
    user, model = _named(request), json_object(request)
    if model.get("username", user.login) != user.login:
        message = "The username for the submitted user object must match the username for the API call"
        raise SpringRefusal(400, message)
    changed = _changed(user, model)
    if changed == user:
        return Answer(304, ())
    request.archive.save(changed)
    return json_answer(_profile(changed))


def _changed(user: User, model: dict[str, object]) -> User:
    texts = {"firstName": "first_name", "lastName": "last_name", "email": "email"}
    changes: dict[str, object] = {field: str(model[name]) for name, field in texts.items() if model.get(name)}
    if model.get("password"):
        changes["password_hash"] = hashed(user.login, str(model["password"]))
    changes |= {name: model[name] is True for name in ("enabled", "verified") if model.get(name) is not None}
    return replace(user, **changes)  # type: ignore[arg-type]


def read_flag(request: Request) -> Answer:
    """``GET /xapi/users/{username}/enabled`` and ``/verified``."""
    return json_answer(getattr(_own_or_any(request), request.path.rpartition("/")[2]))


def put_flag(request: Request) -> Answer:
    """``PUT /xapi/users/{username}/enabled/{flag}`` and ``/verified/{flag}``."""
    check_admin(request)
    flag = request.params["flag"].lower()
    if flag not in ("true", "false"):
        raise SpringRefusal(400)
    name = request.path.split("/")[-2]
    request.archive.save(replace(_named(request), **{name: flag == "true"}))  # type: ignore[arg-type]
    return Answer(200, ())


def read_roles(request: Request) -> Answer:
    """``GET /xapi/users/{username}/roles``."""
    return json_answer(_roles(_own_or_any(request)))


def _roles(user: User) -> list[str]:
    return [ADMINISTRATOR, MEMBER] if user.site_admin else [MEMBER]


def put_role(request: Request) -> Answer:
    """``PUT`` and ``DELETE /xapi/users/{username}/roles/{role}``: the administrator's is the one that is imitated."""
    check_admin(request)
    if request.params["role"] != ADMINISTRATOR:
        raise SpringRefusal(501, f"Of the roles {ADMINISTRATOR} is imitated, and nothing was changed.")
    user, is_admin = _named(request), request.method == "PUT"
    if user.login == request.user.login and not is_admin:
        raise SpringRefusal(409, "Administrators cannot take the role of administrator away from themselves.")
    request.archive.save(replace(user, site_admin=is_admin))
    return Answer(200, ())


def read_groups(request: Request) -> Answer:
    """``GET /xapi/users/{username}/groups``: one for each project the user belongs to."""
    login = _own_or_any(request).login
    with request.archive.lock:
        members = [(one.id, one.members.get(login)) for one in request.archive.projects.values()]
    return json_answer([f"{project}_{role}" for project, role in members if role])


def put_groups(request: Request) -> Answer:
    """``PUT`` and ``DELETE /xapi/users/{username}/groups``: a list of groups such as ``PROJECT_member``."""
    groups = json_body(request)
    if not isinstance(groups, list):
        raise SpringRefusal(400, "Could not read JSON: a list of groups is expected")
    failed = [group for group in groups if not _set_group(request, str(group))]
    return json_answer(failed, 202 if failed else 200)


def put_group(request: Request) -> Answer:
    """``PUT`` and ``DELETE /xapi/users/{username}/groups/{group}``."""
    if not _set_group(request, request.params["group"]):
        raise SpringRefusal(404, f"Unable to find group {request.params['group']}")
    return Answer(200, ())


def _set_group(request: Request, group: str) -> bool:
    login = _named(request).login
    project_id, _, ending = group.rpartition("_")
    with request.archive.lock:
        project = request.archive.projects.get(project_id)
        if project is None or ending not in ENDINGS:
            return False
        if not request.user.site_admin and project.members.get(request.user.login) != "owner":
            raise SpringRefusal(403)
        members = {name: role for name, role in project.members.items() if (name, role) != (login, ending)}
        if request.method == "PUT":
            members[login] = ending  # type: ignore[assignment]
        request.archive.save(replace(project, members=members))
    return True
