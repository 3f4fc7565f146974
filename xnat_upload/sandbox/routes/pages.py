"""The two pages a program may run into: the one to log in at, and the one that says who is logged in."""

from __future__ import annotations

from html import escape

from xnat_upload.sandbox.routes.answers import Answer, text
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.records import GUEST


def version(request: Request) -> Answer:
    """``GET /data/version``, where there is no ``/xapi``."""
    return text(request.face.version)


HTML = (("content-type", "text/html;charset=UTF-8"),)


def login_page(request: Request) -> Answer:
    """``GET /app/template/Login.vm``: open to all; redirects of browsers and of the site's root end here."""
    action = f"{request.context_path}/login"
    page = (
        f'<html><head><title>XNAT</title></head><body><form name="form1" method="post" action="{escape(action)}">'
        '<input name="username"><input name="password" type="password"><input type="submit"></form></body></html>'
    )
    return Answer(200, HTML, page.encode())


def index_page(request: Request) -> Answer:
    """``GET /``: clients without an account look here for the word "Guest"."""
    login = request.user.login
    who = '<span style="color:red;">Guest</span>'
    if login != GUEST.login:
        who = (
            f'&nbsp;<a id="username-link" href="{escape(request.context_path)}/app/template/XDATScreen_UpdateUser.vm">'
        )
        who += f"{escape(login)}</a>"
    page = f'<html><head><title>XNAT</title></head><body><span id="user_info">Logged in as: {who}</span></body></html>'
    return Answer(200, HTML, page.encode())
