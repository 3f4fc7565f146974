"""How the site is built: ``make docs``. Nothing is fetched from the network."""

import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

project = "xnat_upload"
copyright = "the xnat_upload maintainers"
release = version = installed_version("xnat-upload")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
]
exclude_patterns = ["examples"]

# A page that cannot do what it shows is a page that lies: the tutorial is executed, and its errors end the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "remove"
nb_ipywidgets_js = {}  # the pages load nothing from the network
os.environ["TQDM_DISABLE"] = "1"  # else a bar that nobody can see on a page

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = True
napoleon_type_aliases = {
    **{name: f":term:`{name}`" for name in ("callable", "iterable", "mapping", "sequence")},
    "binary file object": ":term:`binary file object <binary file>`",
    "path": ":term:`path <path-like object>`",
    "Mapping": ":term:`mapping`",
    "Path": "~pathlib.Path",
    "DataFrame": "~pandas.DataFrame",
    "pandas.DataFrame": "~pandas.DataFrame",
    # What a caller meets without importing it.
    "Action": "~xnat_upload.planning.step.Action",
    "Fault": "~xnat_upload.sandbox.faults.Fault",
    "Form": "~xnat_upload.planning.step.Form",
    "Hold": "~xnat_upload.sandbox.holds.Hold",
    "InjectedFault": "~xnat_upload.sandbox.injection.InjectedFault",
    "LeftOut": "~xnat_upload.local.ignoring.LeftOut",
    "Manifest": "~xnat_upload.cohort.manifest.Manifest",
    "Point": ":py:data:`~xnat_upload.sandbox.store.disk.Point`",
    "Requests": "~xnat_upload.sandbox.server.recording.Requests",
    "Sandbox": "~xnat_upload.sandbox.Sandbox",
    "Shipment": "~xnat_upload.planning.step.Shipment",
    "SiteSettings": "~xnat_upload.sandbox.SiteSettings",
    "Step": "~xnat_upload.planning.step.Step",
    "StoredFile": "~xnat_upload.archive.listing.StoredFile",
    "Treatment": "~xnat_upload.planning.treatment.Treatment",
}
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
default_role = "py:obj"
python_maximum_signature_line_length = 80
add_module_names = False

_COMPRESSED = tempfile.TemporaryDirectory()


def _inventories() -> Iterator[tuple[str, tuple[str, str]]]:
    """Read which names of other projects are at which addresses: in docs/inventories, since a build has no network."""
    for path in sorted(Path(__file__).with_name("inventories").glob("*.txt")):
        first, entries = path.read_text().split("\n", 1)
        name, address = first.split()
        compressed = Path(_COMPRESSED.name, f"{name}.inv")
        head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n# Compressed using zlib\n"
        compressed.write_bytes(head.encode() + zlib.compress(entries.encode()))
        yield name, (address, str(compressed))


intersphinx_mapping = dict(_inventories())

html_theme = "furo"
html_title = "xnat_upload"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def _shorten_defaults(app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str):
    """Show long defaults by their names, and of a fixture no parameters, since nobody calls it."""
    if signature is None:
        return None
    if name.startswith("xnat_upload.pytest_plugin."):
        return "", returns
    signature = re.sub(r"ignore=\([^)]*\)", "ignore=DEFAULT_IGNORE", signature)
    return re.sub(r"settings=TransferSettings\([^)]*\)", "settings=TransferSettings()", signature), returns


def _keep_exceptions_together(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]):
    """Join the exceptions of one line, of which napoleon would show the first alone; Sphinx links each of them."""
    section = ""
    for number, line in enumerate(lines):
        if set(line) == {"-"}:
            section = lines[number - 1]
        elif section == "Raises" and line[:1].isalpha():
            lines[number] = line.replace(", ", ",")


def _link_to_the_class_that_has_the_source(app: Sphinx, document: nodes.document) -> None:
    """Say of what a class inherits where it is written, for viewcode looks into the class's own module alone."""
    for signature in document.findall(addnodes.desc_signature):
        name, _, member = signature.get("fullname", "").rpartition(".")
        if not name or not signature.get("module"):
            continue
        documented = getattr(import_module(signature["module"]), name)
        written = next((base for base in documented.__mro__ if member in vars(base)), documented)
        if written is not documented:
            signature["module"], signature["fullname"] = written.__module__, f"{written.__qualname__}.{member}"
            signature["ids"].append(f"{signature['module']}.{signature['fullname']}")  # where the source links back to


def _show_options_as_code(app: Sphinx, context: object, lines: list[str]) -> None:
    """Keep the two hyphens of an option from becoming a dash, and an address from becoming a link."""
    for number, line in enumerate(lines):
        if not line.startswith(".. "):
            lines[number] = re.sub(r"(?<![\w`-])(--[a-z][a-z-]+|tcp://[\w.:]+\w)", r"``\1``", line)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _link_to_the_class_that_has_the_source, priority=400)  # before viewcode
    app.connect("autodoc-process-docstring", _keep_exceptions_together, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _shorten_defaults)
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", _show_options_as_code)
