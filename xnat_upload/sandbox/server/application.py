"""The stations of a request, from the socket inwards.

record → link → faults → gateway → firewall → context path → login → route
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from xnat_upload.sandbox.holds import Holds
from xnat_upload.sandbox.injection import FaultPlan
from xnat_upload.sandbox.routes import absent
from xnat_upload.sandbox.routes.absent import most_specific_first
from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.table import PAGES, XAPI, Noun, archive_routes, site_routes
from xnat_upload.sandbox.server.authentication import Authentication
from xnat_upload.sandbox.server.dispatch import Absent, Dispatcher, outside, unknown_route
from xnat_upload.sandbox.server.faulting import Faulting
from xnat_upload.sandbox.server.firewall import Firewall
from xnat_upload.sandbox.server.gateway import Gateway
from xnat_upload.sandbox.server.link import Link, Linked
from xnat_upload.sandbox.server.recording import Recorder, Recording, Working
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.logins import Logins


def build_application(
    *,
    archive: Archive,
    logins: Logins,
    holds: Holds,
    faults: FaultPlan,
    recorder: Recorder,
    link: Link,
    context_path: str,
) -> ASGIApp:
    """Put the stations in order."""
    dispatcher = Dispatcher(archive=archive, logins=logins, holds=holds, context_path=context_path)
    app: ASGIApp = _router(dispatcher, archive)
    app = Authentication(app, archive=archive, logins=logins, cookie_path=context_path or "/")
    app = ContextPath(app, context_path=context_path)
    app = Firewall(app, face=archive.face)
    app = Working(app, recorder=recorder)
    app = Gateway(app, archive=archive, logins=logins)
    app = Faulting(app, plan=faults)
    app = Linked(app, link=link)
    return Recording(app, recorder=recorder, face=archive.face)


def _router(dispatcher: Dispatcher, archive: Archive) -> Router:
    def tailed(nouns: Mapping[str, Noun], missing: Mapping[str, str]) -> Router:
        endpoints: dict[str, ASGIApp] = {template: Absent(template, instead) for template, instead in missing.items()}
        endpoints |= {template: dispatcher.endpoint(noun) for template, noun in nouns.items()}
        routes = [Route(f"{template}{{tail:path}}", endpoints[template]) for template in most_specific_first(endpoints)]
        return Router(routes, redirect_slashes=False, default=unknown_route)

    def whole(nouns: Mapping[str, Noun]) -> list[BaseRoute]:
        return [Route(template, dispatcher.endpoint(noun)) for template, noun in nouns.items()]

    items = archive_routes(archive.face)
    # Archive routes exist twice, as X and /archive/X; those of the site do not (docs/xnat/requests.md, "Prefixes and
    # routing").
    doubled = tailed(items, absent.ARCHIVE)
    everything = tailed({**items, **site_routes(archive.face)}, {**absent.ARCHIVE, **absent.SITE})
    mounts: list[BaseRoute] = []
    for servlet in ("/data", "/REST"):
        mounts += [Mount(f"{servlet}/archive", doubled), Mount(servlet, everything)]
    if archive.face.has_xapi:
        families = [
            Route(f"{family}{{tail:path}}", Absent(f"/xapi{family}", instead))
            for family, instead in absent.XAPI.items()
        ]
        mounts.append(Mount("/xapi", Router([*whole(XAPI), *families], redirect_slashes=False, default=outside)))
    return Router([*mounts, *whole(PAGES)], redirect_slashes=False, default=outside)


class ContextPath:
    """Middleware that takes the servlet context off the path; elsewhere is nothing."""

    def __init__(self, app: ASGIApp, *, context_path: str) -> None:
        self.app = app
        self._context_path = context_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what lies under the context path."""
        path: str = scope["path"]
        if path.startswith(f"{self._context_path}/"):
            scope["path"] = path.removeprefix(self._context_path)
            await self.app(scope, receive, send)
        elif path == self._context_path:
            # Tomcat's mapper sends whoever leaves out the slash to the root of the site.
            await send_answer(Answer(302, (("location", f"{path}/"),)), scope, receive, send)
        else:
            await outside(scope, receive, send)
