"""Lists of experiments, sessions and assessors alike, with what is joined to each: its subject, session and scans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.criteria import page
from xnat_upload.sandbox.routes.datatypes import is_a
from xnat_upload.sandbox.routes.listing import Listing, ListKind, Row, listing
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import ABSTRACT_ASSESSOR_TYPE, ABSTRACT_SCAN_TYPE, ASSESSOR_TYPES, SESSION_TYPES
from xnat_upload.sandbox.routes.sources import scan_source, session_source, subject_source
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import can_read_item
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.records import Project, Session

# XNAT checks the rights to rows of other types one by one, and leaves the columns it does that by in the list
# (ElementSecurity.IsSecureElement, in ExperimentListResource and ProjSubExptList).
SECURE = SESSION_TYPES | ASSESSOR_TYPES
SECURITY_COLUMNS = ("xsiType", "project")


def experiment_table(
    request: Request, experiments: Iterable[Session], kind: ListKind, *, project: Project | None
) -> Answer:
    """List experiments, as `project` shows them or as they are."""
    root = kind.actual_root(request.query)
    default = list(kind.default)
    if project is None and is_a(root, "xnat:subjectAssessorData"):
        default += ["subject_ID", "subject_label"]
    if is_a(root, "xnat:imageAssessorData"):
        default += ["session_ID", "session_label"]
    also = () if root in SECURE else SECURITY_COLUMNS
    wanted = listing(request, kind, default=list(dict.fromkeys(default)), also=also)
    rows = [row for one in experiments for row in _joined(request, one, wanted) if wanted.accepts(row)]
    selected, is_page = page(rows, request.query)
    headers = wanted.headers
    cells = []
    for row in selected:
        shown = dict(zip(headers, wanted.cells(row), strict=True))
        if project and project.id != row[0].fields["project"]:
            # Rewritten after the query: a filter on the label has matched the primary one.
            shown |= {name: value for name, value in _as_shared(request.archive, row, project).items() if name in shown}
        cells.append([*shown.values(), f"/data/experiments/{row[0].fields['ID']}"])
    title = None if project else "Matching experiments"
    return table_answer(Table(columns=(*headers, "URI"), rows=cells, title=title, with_total=not is_page), request)


def _joined(request: Request, experiment: Session, wanted: Listing) -> Iterator[Row]:
    """Give the rows of one experiment: several where its scans or assessors are asked for, as a join gives them."""
    archive = request.archive
    row = [session_source(experiment)]
    session = archive.sessions.get(experiment.assessed_id)
    if session:
        row.append(session_source(session))
    subject = archive.subjects.get((session or experiment).subject_id)
    if subject:
        row.append(subject_source(subject))
    scans = archive.scans_of(session or experiment) if wanted.uses(ABSTRACT_SCAN_TYPE) else []
    assessors = archive.assessors_of(experiment) if wanted.uses(ABSTRACT_ASSESSOR_TYPE) and session is None else []
    seen = [one for one in assessors if can_read_item(request, one)]
    inner = [*map(scan_source, scans), *map(session_source, seen)]
    yield from ([*row, one] for one in inner)
    if not inner:
        yield row


def _as_shared(archive: Archive, row: Row, project: Project) -> dict[str, str]:
    session = archive.sessions[row[0].fields["ID"]]
    shown = {"label": session.label_in(project.id), "project": project.id}
    subject = archive.subjects.get(session.subject_id)
    return {**shown, "subject_label": subject.label_in(project.id)} if subject else shown
