"""The table of routes: every path this archive answers, and who answers it.

Restlet matches by prefix and without segment boundaries, the best match wins (docs/xnat/requests.md, "Prefixes and
routing").  Here the longer template stands first, and every template takes whatever follows as its tail: so
``/projects/P/experiments/E/scans`` finds the experiment, because no longer template fits.

Reading may ignore a tail, as XNAT does.  Whoever writes may not: a tail that the
method is not known to look at is refused before its handler is asked.  What XNAT has
and this archive has not stands in `absent`, so that it falls into no parent item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.routes import (
    assessors,
    config,
    dicom_dump,
    experiments,
    files,
    importing,
    login,
    pages,
    prearchive,
    prearchive_actions,
    project_writing,
    projects,
    reconstructions,
    resources,
    saved_searches,
    scans,
    search,
    searching,
    services,
    session_writing,
    site_config,
    site_lists,
    subjects,
    users,
    xapi,
)
from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.request import Request

Handler = Callable[[Request], Answer]

ITEM = ("text/html", "text/xml")
LIST = ("application/json", "text/html", "text/xml")
PLAIN = ("text/plain",)
JSON = ("application/json",)
FILE = ("application/json", "text/html", "text/xml", "image/jpeg")


@dataclass(frozen=True)
class Noun:
    """What can be done with one kind of path.

    `variants` are what its GET offers, best first; `tailed` are the writing methods
    that know what to do with a longer path.
    """

    handlers: Mapping[str, Handler]
    variants: tuple[str, ...] = ("text/html",)
    tailed: frozenset[str] = frozenset()

    @property
    def allow(self) -> str:
        """The value of the Allow header."""
        return ", ".join(sorted(self.handlers))


PROJECT_LIST = Noun({"GET": projects.list_projects, "POST": project_writing.post_project}, LIST)
PROJECT = Noun(
    {"GET": projects.read_project, "PUT": project_writing.put_project, "DELETE": projects.remove_project}, ITEM
)
ACCESSIBILITY = Noun(
    {"GET": projects.read_accessibility, "PUT": projects.put_accessibility}, PLAIN, tailed=frozenset({"PUT"})
)
PREARCHIVE_CODE = Noun(
    {"GET": projects.read_prearchive_code, "PUT": projects.put_prearchive_code}, PLAIN, tailed=frozenset({"PUT"})
)
MEMBER_LIST = Noun({"GET": projects.list_members}, LIST)
MEMBER = Noun({"GET": projects.list_members, "PUT": projects.put_member, "DELETE": projects.delete_member}, LIST)
SUBJECT_LIST = Noun({"GET": subjects.list_subjects, "POST": subjects.post_subject}, LIST)
SUBJECT = Noun(
    {"GET": subjects.read_subject, "PUT": subjects.put_subject, "DELETE": subjects.remove_subject},
    ITEM,
    tailed=frozenset({"PUT", "DELETE"}),
)
EXPERIMENT_LIST = Noun({"GET": experiments.list_experiments, "POST": session_writing.post_session}, LIST)
ALL_EXPERIMENTS = Noun({"GET": experiments.list_all_experiments}, LIST)
EXPERIMENT = Noun(
    {
        "GET": experiments.read_experiment,
        "PUT": experiments.put_experiment,
        "DELETE": experiments.remove_experiment,
    },
    ITEM,
    tailed=frozenset({"PUT", "DELETE"}),
)
SCAN_LIST = Noun({"GET": scans.list_scans, "POST": scans.post_scan}, LIST)
SCAN = Noun({"GET": scans.read_scan, "PUT": scans.put_scan, "DELETE": scans.remove_scan}, ITEM)
RECONSTRUCTION_LIST = Noun(
    {"GET": reconstructions.list_reconstructions, "POST": reconstructions.post_reconstruction}, LIST
)
RECONSTRUCTION = Noun(
    {
        "GET": reconstructions.read_reconstruction,
        "PUT": reconstructions.put_reconstruction,
        "DELETE": reconstructions.remove_reconstruction,
    },
    ITEM,
)
ASSESSOR_LIST = Noun({"GET": assessors.list_assessors, "POST": assessors.post_assessor}, LIST)
ASSESSOR = Noun(
    {"GET": assessors.read_assessor, "PUT": assessors.put_assessor, "DELETE": assessors.remove_assessor},
    ITEM,
    tailed=frozenset({"PUT", "DELETE"}),
)
RESOURCE_LIST = Noun(
    {
        "GET": resources.list_resources,
        "PUT": resources.post_resource_list,
        "POST": resources.post_resource_list,
    },
    LIST,
)
RESOURCE = Noun(
    {
        "GET": resources.read_resource,
        "PUT": resources.put_resource,
        "POST": resources.put_resource,
        "DELETE": resources.remove_resource,
    },
    ("text/xml",),
)
FILES = Noun(
    {
        "GET": files.get_files,
        "PUT": files.put_files_route,
        "POST": files.put_files_route,
        "DELETE": files.delete_files_route,
    },
    FILE,
    tailed=frozenset({"PUT", "POST", "DELETE"}),
)

SCANS_OF = ("/projects/{project}/subjects/{subject}/experiments/{experiment}", "/experiments/{experiment}")
PARTS_OF_SESSIONS = ("scans/{scan}", "reconstructions/{reconstruction}", "assessors/{assessor}")
OWNERS = (
    # Restlet's third segment is {TYPE}: "in" and "out" are what it is good for.
    *(f"{session}/{part}/{{direction}}" for session in SCANS_OF for part in PARTS_OF_SESSIONS[1:]),
    *(f"{session}/{part}" for session in SCANS_OF for part in PARTS_OF_SESSIONS),
    *SCANS_OF,
    "/projects/{project}/experiments/{experiment}",
    "/projects/{project}/subjects/{subject}",
    "/subjects/{subject}",
    "/projects/{project}",
)
WITHOUT_OWN_FILES = "/projects/{project}/experiments/{experiment}"  # the one owner whose /files is no route

ARCHIVE: dict[str, Noun] = {
    **{f"{owner}/resources/{{resource}}/files": FILES for owner in OWNERS},
    **{f"{owner}/files": FILES for owner in OWNERS if owner != WITHOUT_OWN_FILES},
    **{f"{owner}/resources/{{resource}}": RESOURCE for owner in OWNERS},
    **{f"{owner}/resources": RESOURCE_LIST for owner in OWNERS},
    **{f"{session}/scans/{{scan}}": SCAN for session in SCANS_OF},
    **{f"{session}/scans": SCAN_LIST for session in SCANS_OF},
    **{f"{session}/reconstructions/{{reconstruction}}": RECONSTRUCTION for session in SCANS_OF},
    **{f"{session}/reconstructions": RECONSTRUCTION_LIST for session in SCANS_OF},
    **{f"{session}/assessors/{{assessor}}": ASSESSOR for session in SCANS_OF},
    **{f"{session}/assessors": ASSESSOR_LIST for session in SCANS_OF},
    "/projects/{project}/subjects/{subject}/experiments/{experiment}": EXPERIMENT,
    "/projects/{project}/subjects/{subject}/experiments": EXPERIMENT_LIST,
    "/projects/{project}/users/{group}/{user}": MEMBER,
    "/projects/{project}/users": MEMBER_LIST,
    "/projects/{project}/experiments/{experiment}": EXPERIMENT,
    "/projects/{project}/experiments": EXPERIMENT_LIST,
    "/projects/{project}/subjects/{subject}": SUBJECT,
    "/projects/{project}/subjects": SUBJECT_LIST,
    "/projects/{project}/accessibility": ACCESSIBILITY,
    "/projects/{project}/scan_types": Noun({"GET": site_lists.list_scan_types}, LIST),
    "/scan_types": Noun({"GET": site_lists.list_scan_types}, LIST),
    "/scanners": Noun({"GET": site_lists.list_scanners}, LIST),
    "/projects/{project}/prearchive_code": PREARCHIVE_CODE,
    "/projects/{project}": PROJECT,
    "/projects": PROJECT_LIST,
    "/subjects/{subject}": SUBJECT,
    "/subjects": SUBJECT_LIST,
    "/experiments/{experiment}": EXPERIMENT,
    "/experiments": ALL_EXPERIMENTS,
}

PREARCHIVED = "/prearchive/projects/{project}/{timestamp}/{folder}"
PREARCHIVE: dict[str, Noun] = {
    "/scans/{scan}/resources/{resource}/files": Noun({"GET": prearchive.scan_file}, LIST),
    "/scans/{scan}/resources": Noun({"GET": prearchive.list_scan_resources}, LIST),
    "/scans": Noun({"GET": prearchive.list_scans}, LIST),
    "/resources": Noun({"GET": prearchive.list_resources}, LIST),
    "": Noun(
        {
            "GET": prearchive.read_session,
            "POST": prearchive_actions.act_on_session,
            "DELETE": prearchive.remove_session,
        },
        ("text/xml", "application/zip", "text/html"),
    ),
}

CONFIG_SCOPES = ("", "/projects/{project}")
CONFIG = Noun(
    {"GET": config.read_config, "PUT": config.put_config, "DELETE": config.delete_config},
    LIST,
    tailed=frozenset({"PUT", "DELETE"}),
)

SITE: dict[str, Noun] = {
    "/JSESSION": Noun(
        {"GET": login.read_jsession, "POST": login.read_jsession, "DELETE": login.delete_jsession}, PLAIN
    ),
    "/auth": Noun({"GET": login.read_auth}, PLAIN),
    "/services/auth": Noun(
        {"GET": login.read_service_auth, "PUT": login.put_service_auth, "POST": login.put_service_auth}, PLAIN
    ),
    "/services/tokens": Noun({"GET": login.tokens}, ("application/json", "text/plain")),
    "/services/refresh/catalog": Noun({"POST": services.refresh_catalog}),
    "/services/import": Noun({"POST": importing.import_files}),
    "/services/archive": Noun({"POST": prearchive_actions.archive}, LIST),
    "/services/prearchive/move": Noun({"POST": prearchive_actions.move}, LIST),
    "/services/prearchive/delete": Noun({"POST": prearchive_actions.delete}, LIST),
    "/services/prearchive/rebuild": Noun({"POST": prearchive_actions.rebuild}, LIST),
    **{f"{PREARCHIVED}{path}": noun for path, noun in PREARCHIVE.items()},
    "/prearchive/projects/{project}": Noun({"GET": prearchive.list_prearchive}, LIST),
    "/prearchive": Noun({"GET": prearchive.list_prearchive}, LIST),
    "/search/saved/{search}/results": Noun({"GET": saved_searches.read_results}, LIST),
    "/search/saved/{search}": Noun(
        {
            "GET": saved_searches.read_saved,
            "PUT": saved_searches.put_saved,
            "DELETE": saved_searches.delete_saved,
        },
        ("text/xml",),
    ),
    "/search/saved": Noun({"GET": saved_searches.list_saved}, LIST),
    "/search/elements/{element}": Noun({"GET": search.list_fields}, ("text/xml",)),
    "/search/elements": Noun({"GET": search.list_elements}, LIST),
    **{f"{scope}/config": Noun({"GET": config.list_tools}, LIST) for scope in CONFIG_SCOPES},
    **{f"{scope}/config/{{tool}}": Noun({"GET": config.list_paths}, LIST) for scope in CONFIG_SCOPES},
    **{f"{scope}/config/{{tool}}/{{path}}": CONFIG for scope in CONFIG_SCOPES},
    "/services/dicomdump": Noun({"GET": dicom_dump.dump_header}, LIST),
    "/users": Noun({"GET": users.list_users}, LIST),
    "/search": Noun({"POST": searching.post_search}, LIST),
}

# Unlike Restlet's, these match the whole path and nothing longer.
XAPI: dict[str, Noun] = {
    "/siteConfig": Noun({"GET": site_config.read_preferences, "POST": site_config.post_preferences}, JSON),
    "/siteConfig/batch": Noun({"POST": site_config.post_preferences}, JSON),
    "/siteConfig/buildInfo": Noun({"GET": xapi.build_info}, JSON),
    "/siteConfig/buildInfo/{property}": Noun({"GET": xapi.build_property}, JSON),
    "/siteConfig/uptime": Noun({"GET": site_config.uptime}, JSON),
    "/siteConfig/uptime/display": Noun({"GET": site_config.uptime_display}, JSON),
    "/siteConfig/values/{names}": Noun({"GET": site_config.read_values}, JSON),
    "/siteConfig/{name}": Noun({"GET": site_config.read_preference, "POST": site_config.post_preference}, JSON),
    "/plugins": Noun({"GET": site_config.list_plugins}, JSON),
    "/plugins/{plugin}": Noun({"GET": site_config.read_plugin}, JSON),
    "/users": Noun({"GET": users.user_names, "POST": users.post_user}, JSON),
    "/users/username": Noun({"GET": xapi.user_name}, PLAIN),
    "/users/profiles": Noun({"GET": users.profiles}, JSON),
    "/users/current": Noun({"GET": users.profiles}, JSON),
    "/users/profile": Noun({"GET": users.own_profile}, JSON),
    "/users/profile/{username}": Noun({"GET": users.profile}, JSON),
    "/users/{username}": Noun({"GET": users.read_user, "PUT": users.put_user}, JSON),
    "/users/{username}/enabled": Noun({"GET": users.read_flag}, JSON),
    "/users/{username}/enabled/{flag}": Noun({"PUT": users.put_flag}, JSON),
    "/users/{username}/verified": Noun({"GET": users.read_flag}, JSON),
    "/users/{username}/verified/{flag}": Noun({"PUT": users.put_flag}, JSON),
    "/users/{username}/roles": Noun({"GET": users.read_roles}, JSON),
    "/users/{username}/roles/{role}": Noun({"PUT": users.put_role, "DELETE": users.put_role}, JSON),
    "/users/{username}/groups": Noun(
        {"GET": users.read_groups, "PUT": users.put_groups, "DELETE": users.put_groups}, JSON
    ),
    "/users/{username}/groups/{group}": Noun({"PUT": users.put_group, "DELETE": users.put_group}, JSON),
    "/schemas": Noun({"GET": xapi.list_schemas}, JSON),
    "/schemas/{schema}": Noun({"GET": xapi.read_schema}, ("application/xml",)),
    "/schemas/{folder}/{schema}": Noun({"GET": xapi.read_schema}, ("application/xml",)),
}
PAGES: dict[str, Noun] = {
    "/": Noun({"GET": pages.index_page}),
    "/app/template/Login.vm": Noun({"GET": pages.login_page}),
}


def archive_routes(face: Face) -> dict[str, Noun]:
    """Give the routes that exist under ``/data`` and under ``/data/archive``."""
    if not face.is_before_1_7:
        return ARCHIVE
    reading = {method: handler for method, handler in FILES.handlers.items() if method == "GET"}
    short = "/projects/{project}/experiments/{experiment}/resources"
    undeletable = {method: handler for method, handler in EXPERIMENT.handlers.items() if method != "DELETE"}
    return {
        **ARCHIVE,
        # Not there yet in 1.6: these answer 405 to everything that writes.
        f"{short}/{{resource}}/files": Noun(reading, FILE),
        f"{short}/{{resource}}": Noun({"GET": resources.read_resource}, RESOURCE.variants),
        short: Noun({"GET": resources.list_resources}, LIST),
        "/experiments/{experiment}": Noun(undeletable, ITEM, tailed=EXPERIMENT.tailed),
    }


def site_routes(face: Face) -> dict[str, Noun]:
    """Give the routes of the site itself, which exist only under ``/data``."""
    return {**SITE, "/version": Noun({"GET": pages.version}, PLAIN)} if face.has_version_route else SITE
