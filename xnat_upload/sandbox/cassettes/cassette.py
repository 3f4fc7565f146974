"""What was asked and answered, and the file it is kept in: one line of JSON for each request."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = "xnat cassette 1"
MOST_BYTES = 1 << 20  # of one body; of a larger one size and MD5 are kept
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Body:
    """A body; `content` is ``None`` where it was too large to be kept."""

    size: int = 0
    md5: str = "d41d8cd98f00b204e9800998ecf8427e"
    content: bytes | None = field(default=b"", repr=False)

    @classmethod
    def of(cls, content: bytes) -> Body:
        """Keep a body."""
        return cls(size=len(content), md5=hashlib.md5(content).hexdigest(), content=content)

    @property
    def text(self) -> str | None:
        """Its text, if it is one in UTF-8."""
        try:
            text = None if self.content is None else self.content.decode()
        except UnicodeDecodeError:
            return None
        return None if text is None or "\0" in text else text


@dataclass(frozen=True, kw_only=True)
class Take:
    """One request and its answer.

    Attributes
    ----------
    method, target : str
        What was asked; the raw path with its query.
    headers, body
        What came with it; names in lower case.
    status, answer_headers, answer
        What was answered.
    """

    method: str
    target: str
    headers: Headers = ()
    body: Body = Body()
    status: int
    answer_headers: Headers = ()
    answer: Body = Body()

    def header(self, name: str) -> str:
        """Give a header of the request, empty where it was not sent."""
        return next((value for key, value in self.headers if key == name), "")

    def answer_header(self, name: str) -> str:
        """Give a header of the answer, empty where there was none."""
        return next((value for key, value in self.answer_headers if key == name), "")


@dataclass(frozen=True, kw_only=True)
class Cassette:
    """Requests and answers in the order of the answers; `context_path` is that of the server, such as ``/xnat``."""

    takes: tuple[Take, ...]
    context_path: str = ""

    def write(self, path: Path) -> None:
        """Write it, for nobody else to read."""
        lines = [json.dumps({"format": FORMAT, "context_path": self.context_path})]
        lines += [json.dumps(_to_json(take), ensure_ascii=False) for take in self.takes]
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.writelines(f"{line}\n" for line in lines)

    @classmethod
    def read(cls, path: Path) -> Cassette:
        """Read one.

        Raises
        ------
        ValueError
            If the file is no cassette.
        """
        try:
            first, *lines = path.read_text(encoding="utf-8").splitlines()
            head = json.loads(first)
            if head["format"] != FORMAT:
                raise ValueError(f"its format is {head['format']!r}")
            takes = tuple(_from_json(json.loads(line)) for line in lines)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no cassette of the format {FORMAT!r}: {error}") from error
        return cls(takes=takes, context_path=head["context_path"])


def _to_json(take: Take) -> dict[str, Any]:
    return {
        "request": {
            "method": take.method,
            "target": take.target,
            "headers": take.headers,
            "body": _body_to_json(take.body),
        },
        "answer": {"status": take.status, "headers": take.answer_headers, "body": _body_to_json(take.answer)},
    }


def _from_json(line: dict[str, Any]) -> Take:
    request, answer = line["request"], line["answer"]
    return Take(
        method=request["method"],
        target=request["target"],
        headers=_headers(request["headers"]),
        body=_body_from_json(request["body"]),
        status=answer["status"],
        answer_headers=_headers(answer["headers"]),
        answer=_body_from_json(answer["body"]),
    )


def _headers(pairs: Iterable[Iterable[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)


def _body_to_json(body: Body) -> dict[str, Any]:
    if body.content is None:
        return {"left_out_bytes": body.size, "md5": body.md5}
    if (text := body.text) is not None:
        return {"text": text}
    return {"base64": base64.b64encode(body.content).decode()}


def _body_from_json(kept: dict[str, Any]) -> Body:
    if "left_out_bytes" in kept:
        return Body(size=kept["left_out_bytes"], md5=kept["md5"], content=None)
    return Body.of(kept["text"].encode() if "text" in kept else base64.b64decode(kept["base64"]))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
