"""What the archive lists is believed only as far as it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnat_upload.archive.listing import StoredFile
from xnat_upload.local.file import Fingerprint
from xnat_upload.transfer.verification import Likeness, compare, verify

MD5 = "900150983cd24fb0d6963f7d28e17f72"
SENT = Fingerprint(3, MD5, 0x352441C2)


@pytest.mark.parametrize(
    ("stored", "likeness"),
    [
        (None, Likeness.MISSING),
        (StoredFile(3, MD5), Likeness.SAME),
        (StoredFile(3, MD5.upper()), Likeness.SAME),
        (StoredFile(3, ""), Likeness.UNPROVEN),
        (StoredFile(4, ""), Likeness.DIFFERENT),
        (StoredFile(4, MD5), Likeness.DIFFERENT),
        (StoredFile(0, MD5), Likeness.DIFFERENT),
        (StoredFile(None, MD5), Likeness.DIFFERENT),
        (StoredFile(None, ""), Likeness.DIFFERENT),
        (StoredFile(3, "f" * 32), Likeness.DIFFERENT),
        (StoredFile(3, MD5[:-1]), Likeness.DIFFERENT),
        (StoredFile(3, " "), Likeness.DIFFERENT),
    ],
)
def test_only_size_and_md5_together_prove_anything(stored: StoredFile | None, likeness: Likeness) -> None:
    assert compare(SENT, stored) is likeness


def test_a_file_of_no_bytes_is_compared_like_any_other() -> None:
    empty = Fingerprint(0, "d41d8cd98f00b204e9800998ecf8427e", 0)
    assert compare(empty, StoredFile(0, "d41d8cd98f00b204e9800998ecf8427e")) is Likeness.SAME
    assert compare(empty, StoredFile(0, "")) is Likeness.UNPROVEN
    assert compare(empty, StoredFile(None, "")) is Likeness.DIFFERENT


def test_each_name_is_where_it_belongs() -> None:
    found = verify(
        dict.fromkeys(("same", "unproven", "altered", "missing"), SENT),
        listed={
            "same": StoredFile(3, MD5),
            "unproven": StoredFile(3, ""),
            "altered": StoredFile(3, "f" * 32),
            "Missing": StoredFile(3, MD5),
            "before": StoredFile(9, ""),
        },
        listed_before={"before": StoredFile(8, ""), "deleted": StoredFile(1, "")},
    )
    assert found.same == ("same",)
    assert found.unproven == ("unproven",)
    assert found.altered == ("altered",)
    assert found.missing == ("missing",)
    assert found.extra == ("Missing",)


_NAMES = st.sampled_from("abcdef")
_STORED = st.dictionaries(_NAMES, st.builds(StoredFile, st.sampled_from([None, 3, 4]), st.sampled_from(["", MD5, "f"])))


@given(st.sets(_NAMES), _STORED, _STORED)
def test_every_name_that_was_sent_is_in_exactly_one_place(
    sent: set[str], listed: dict[str, StoredFile], before: dict[str, StoredFile]
) -> None:
    found = verify(dict.fromkeys(sent, SENT), listed=listed, listed_before=before)
    settled = [*found.same, *found.unproven, *found.altered, *found.missing]
    assert sorted(settled) == sorted(sent)
    assert set(found.extra) == set(listed) - sent - set(before)
    assert all(listed[name] == StoredFile(3, MD5) for name in found.same)
    assert all(name not in listed for name in found.missing)
