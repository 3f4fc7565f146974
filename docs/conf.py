"""How the site is built: ``make docs``. Nothing is fetched from the network."""

import os
import re
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "xnat_upload"
copyright = "the xnat_upload maintainers"
release = version = installed_version("xnat-upload")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
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
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
default_role = "py:obj"
python_maximum_signature_line_length = 80
add_module_names = False

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
    """Show long defaults by their names; the parameters of uploads are not in the source for autodoc to read."""
    if signature is None:
        return None
    signature = re.sub(r"ignore=\([^)]*\)", "ignore=DEFAULT_IGNORE", signature)
    return re.sub(r"settings=TransferSettings\([^)]*\)", "settings=TransferSettings()", signature), returns


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _shorten_defaults)
