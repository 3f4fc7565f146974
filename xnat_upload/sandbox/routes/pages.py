"""The two pages a program may run into: the one to log in at, and the one that says who is logged in."""

from __future__ import annotations

from xnat_upload.sandbox.routes.answers import Answer, text
from xnat_upload.sandbox.routes.rendering import rendered
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.records import GUEST


def version(request: Request) -> Answer:
    """``GET /data/version``, where there is no ``/xapi``."""
    return text(request.face.version)


HTML = (("content-type", "text/html;charset=UTF-8"),)


def login_page(request: Request) -> Answer:
    """``GET /app/template/Login.vm``: open to all; redirects of browsers and of the site's root end here."""
    return Answer(200, HTML, rendered("login.html", context_path=request.context_path).encode())


def index_page(request: Request) -> Answer:
    """``GET /``: clients without an account look here for the word "Guest"."""
    login = request.user.login
    page = rendered("index.html", context_path=request.context_path, login=login, is_guest=login == GUEST.login)
    return Answer(200, HTML, page.encode())
