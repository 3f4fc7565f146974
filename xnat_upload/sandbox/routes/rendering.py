"""Pages from the templates beside this module; what is put into them is escaped by itself."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader

# Restlet's status page alone shows its message as it is, and its template says so.
_TEMPLATES = Environment(
    loader=PackageLoader("xnat_upload.sandbox.routes"), autoescape=True, keep_trailing_newline=True, auto_reload=False
)
STREAMED_PIECES = 1000


def rendered(template: str, **values: object) -> str:
    """Give a page."""
    return _TEMPLATES.get_template(template).render(values)


def streamed(template: str, **values: object) -> Iterator[bytes]:
    """Give a long page piece by piece."""
    stream = _TEMPLATES.get_template(template).stream(values)
    stream.enable_buffering(STREAMED_PIECES)
    return (piece.encode("utf-8", "surrogatepass") for piece in stream)
