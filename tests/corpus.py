"""Names that somebody will try one day, and what must become of them."""

from __future__ import annotations

from hypothesis import strategies as st

LONG = "x" * 300

# Stored under exactly these names, or not at all.
FILE_NAMES_KEPT = [
    "seg.nii.gz",
    "CT.1.2.840.113619.dcm",
    "masks/left lung.nii.gz",
    "é #+ &.nii.gz",
    "e\u0301.nii",  # the same letter in the other normal form
    "\u00e9.nii",
    "脳.nii",
    "\U0001f9e0.nii",
    "A.nii",
    "a.nii",
    " leading and trailing ",
    "-rf",
    "~",
    "...",
    "..a",
    "a..",
    ".hidden",
    "__MACOSX/a",
    "a?b",
    "a*b",
    'a"b',
    "a'b",
    "a<b>c",
    "a|b",
    "a:b",
    "C:a",
    "a,b",
    "a&b=c",
    "{a}",
    "a.zip",
    "catalog.xml",
    "x_catalog.xml/a",
    "x_catalog.xmls",
    "\u00a0",
    "\ufffd",
    "\ufeffa",
    "x" * 255,
    "é" * 127,
    "/".join(["y" * 200] * 5),
]
FILE_NAMES_REFUSED = [
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "//host/a",
    "a//b",
    "a/",
    "a/.",
    "./a",
    "../a",
    "a/../b",
    "a/..",
    "\\",
    "..\\a",
    "C:\\a",
    "%2e%2e%2fa",
    "a%2Fb",
    "a%5Cb",
    "%00",
    "50%",
    "a;b",
    "a;jsessionid=1",
    "a\0b",
    "\0",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\x1b[2Jb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\u202egz.iin",
    "\u200fa",
    "a\u2066b",
    "a\u061cb",
    "a\ud800b",
    "a\udc80b",
    "a\ufffe",
    "a\uffff",
    "a\U0010ffff",
    LONG,
    "é" * 128,
    "\U0001f9e0" * 64,
    "/".join(["y" * 250] * 5),
    "\ud800" * 300,
    "\x1b" * 3000,
    "x_catalog.xml",
    "a/x_catalog.xml",
    "_catalog.xml",
    ".~lock-x",
    "a/.~lock-",
    "a.zip/b",
    "a.ZIP!b",
    "a.jar/b/c",
]

IDENTIFIERS_KEPT = ["1", "0", "12345", "FAK09131796", "a", "A", "_", "-", "a-b_c", "x" * 255, "all", "--help"]
IDENTIFIERS_REFUSED = [
    "",
    " ",
    "a b",
    " a",
    "a\n",
    ".",
    "..",
    "a.b",
    "1.2.840",
    "a/b",
    "../a",
    "a%2Fb",
    "%41",
    "a;b",
    "a\\b",
    "a?b",
    "a#b",
    "a,b",
    "*",
    "a\0",
    "é",
    "e\u0301",
    "\uff11",  # a digit to str.isdigit, and to `\\d`
    "\u0661",
    "a\u202eb",
    "\ud800",
    "\uffff",
    LONG,
    "x" * 256,
    "<script>",
]
LABELS_KEPT = ["NIFTI", "DICOM", "SEG", "a.b", "1a", "1.", "_", ".a", "x" * 255, "-1"]
LABELS_REFUSED = [
    *(each for each in IDENTIFIERS_REFUSED if each not in ("a.b", "1.2.840")),
    "...",
    "1",
    "0",
    "12345",
    "9" * 255,
]
HUB_PROJECT_IDS_KEPT = ["3fa85f64-5717-4562-b3fc-2c963f66afa6", "a b", "é/?#%;", " a ", "SELECT ", LONG]
HUB_PROJECT_IDS_REFUSED = ["", " ", "\t", "a\nb", "a\0", "\ud800", "a\uffff", "\x1b[2J" + LONG]

NET_IDS_KEPT = ["net-1", "a b", "é", "...", "~", "-", "net;1", "%2e%2e"]
NET_IDS_REFUSED = ["", ".", "..", "/", "/etc", "a/b", "../a", "a\\b", "a\0", "a\nb", "\u202ea", "\ud800"]

# Any text, with what is awkward made likely.
_AWKWARD = st.sampled_from(
    [*"./\\%;:#+?&'\"<> \0\n\x7f\u202e\u2028\ud800\uffff\u0301é脳", "..", "_catalog.xml", ".zip/"]
)
names = st.lists(st.text(max_size=20) | _AWKWARD | st.just("x" * 250), max_size=8).map("".join)

# Without what is refused, so that few are thrown away: noncharacters are categories of their own, and "/" separates.
_KEPT = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="%;\\/"), min_size=1, max_size=20
) | st.sampled_from([*"#:+?&'\"<> é脳", "\U0001f9e0", "x" * 60])
kept_names = st.lists(st.lists(_KEPT, min_size=1, max_size=4).map("".join), min_size=1, max_size=4).map("/".join)
