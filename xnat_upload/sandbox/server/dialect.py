"""How the generations of servers spell the same answer: the charset, the Server header, the foot of Tomcat's pages."""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer

LATIN_1 = "charset=ISO-8859-1"
TOMCAT_PAGE = b"<!doctype html>"


def in_dialect(answer: Answer, face: Face) -> Answer:
    """Spell an answer, which is written as 1.8 gives it, as `face` does."""
    headers = []
    body = answer.body
    for name, value in answer.headers:
        if (name, value) == RESTLET_HEADERS[0]:
            value = face.restlet
        elif name == "content-type":
            if LATIN_1 in value and face.charset_in_answers != "ISO-8859-1" and isinstance(body, bytes):
                body = body.decode("latin-1").encode(face.charset_in_answers)
                value = value.replace(LATIN_1, f"charset={face.charset_in_answers}")
            elif value == "text/plain" and not body and face.names_charset_of_empty_text:
                value = f"text/plain;charset={face.charset_in_answers}"
        headers.append((name, value))
    if face.tomcat and isinstance(body, bytes) and body.startswith(TOMCAT_PAGE):
        body = body.replace(b"</body>", f'<hr class="line" /><h3>{face.tomcat}</h3></body>'.encode())
    return replace(answer, headers=tuple(headers), body=body)
