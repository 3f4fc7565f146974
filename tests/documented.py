"""The documentation as tests see it: its pages, the code blocks in them, and a hospital that fits what they say."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from xnat_upload.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "examples" not in path.parts)]

HUB_PROJECT_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ACCESSIONS = ("FAK09131796", "FAK09131797", "FAK09131798")
_BLOCK = re.compile(r"^```(\{[^}]*\})?[ \t]*([a-z-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: `directive` is empty for plain ones."""

    directive: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(directive, language, text) for directive, language, text in _BLOCK.findall(page.read_text())]


def rows(page: Path) -> list[list[str]]:
    """The cells of every table row of a page, headings included."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|") and not line.startswith("|--")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def anchors(page: Path) -> set[str]:
    """What a link can name behind ``#``: the headings, as both the site and a repository's pages write them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)  # as deep as myst_heading_anchors says
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@dataclass(frozen=True)
class DocumentedHospital:
    """What the pages take for granted: a server, an account, a project with sessions, and files to upload."""

    sandbox: Sandbox
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "XNAT_HOST": self.sandbox.url,
            "XNAT_USER": "svc",
            "XNAT_PASS": "s3cret",
            "IMAGES_DIR": str(self.folder / "images"),
            "HUB_PROJECT_ID": HUB_PROJECT_ID,
        }

    def here(self, text: str) -> str:
        """Put this hospital's address and directories in the place of the documented ones."""
        places = {"https://xnat.hospital.example": self.sandbox.url, "/data/": f"{self.folder}/"}
        for documented, real in places.items():
            text = re.sub(rf"(?<=[\"']){re.escape(documented)}", real, text)
        return text

    def stored(
        self, resource_id: str, *, accession_id: str = ACCESSIONS[0], scan_id: str = "12345"
    ) -> dict[str, bytes]:
        return self.sandbox.files("LUNG", accession_id, scan_id, resource_id)


def open_documented_hospital(sandbox: Sandbox, folder: Path) -> DocumentedHospital:
    sandbox.add_user("svc", "s3cret")
    sandbox.add_project("LUNG", secondary_id=HUB_PROJECT_ID)
    sandbox.add_member("LUNG", "svc", role="member")
    for accession in ACCESSIONS:
        sandbox.add_session("LUNG", accession, xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
    for place in ("out", "images/net-1/upload"):
        (folder / place / "masks").mkdir(parents=True)
        for name in ("seg.nii.gz", "masks/left.nii.gz", "masks/right.nii.gz"):
            (folder / place / name).write_bytes(random.Random(name).randbytes(2000))
    return DocumentedHospital(sandbox, folder)


def timeless(text: str) -> str:
    """A text with its durations made equal: no two runs take the same time."""
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def run_blocks(page: Path, hospital: DocumentedHospital) -> dict[str, object]:
    """Run a page's Python from top to bottom, hold what it prints against the text that follows; give its names."""
    namespace: dict[str, object] = {"__name__": page.stem}
    printed: str | None = None
    for block in blocks(page):
        if block.directive:
            continue
        if block.language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(hospital.here(block.text), str(page), "exec"), namespace)
            printed = output.getvalue()
        elif block.language == "text" and printed is not None:
            assert timeless(block.text) == timeless(printed), f"{page.name} says\n{block.text}and it is\n{printed}"
            printed = None
        else:
            printed = None
    return namespace


def run_commands(page: Path, hospital: DocumentedHospital) -> None:
    """Run the commands of a page as a shell would, and hold what they print against the text that follows."""
    shown = blocks(page)
    for block, following in zip(shown, [*shown[1:], None], strict=True):
        if block.language != "bash" or not block.text.startswith("xnat-upload ") or " sandbox " in block.text:
            continue
        words = shlex.split(block.text.replace(" /data/", f" {hospital.folder}/"))
        ran = subprocess.run(
            [sys.executable, "-m", "xnat_upload", *words[1:]], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, (block.text, ran.stdout, ran.stderr)
        printed = ran.stdout.replace(hospital.sandbox.url, "https://xnat.hospital.example")
        if following is not None and following.language == "text":
            assert timeless(printed) == timeless(following.text), printed


def notebook_code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
