"""Every public call says what it takes, gives and raises in its own docstring: help() and editors show no other."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import xnat_upload
from xnat_upload.archive.listing import StoredFile
from xnat_upload.cohort.manifest import Manifest
from xnat_upload.local.ignoring import LeftOut
from xnat_upload.planning.step import Shipment, Step
from xnat_upload.planning.treatment import Treatment
from xnat_upload.sandbox import Sandbox, SiteSettings, faults
from xnat_upload.sandbox.holds import Hold
from xnat_upload.sandbox.injection import InjectedFault
from xnat_upload.sandbox.server.recording import RecordedRequest, Requests

# What a caller meets without importing it: in a plan, a report, a sandbox.
MET = [StoredFile, Manifest, LeftOut, Shipment, Step, Treatment, SiteSettings, Hold, InjectedFault, RecordedRequest]
CLASSES: list[type] = [
    *(getattr(xnat_upload, name) for name in xnat_upload.__all__),
    *MET,
    *(each for each in vars(faults).values() if isinstance(each, type) and issubclass(each, faults.Fault)),
    Requests,
    Sandbox,
]
# What the package itself asks these.
OWN = {"Hold.catches", "Hold.keep", "InjectedFault.strikes"} | {
    f"Manifest.{name}" for name in ("bytes_of", "file", "name", "names_session", "resource", "sessions")
}
_SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)


def sections(docstring: str | None) -> dict[str, str]:
    """The sections of a numpydoc docstring, and under "" what stands before them."""
    parts = _SECTION.split(inspect.cleandoc(docstring or ""))
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented(text: str) -> dict[str, str]:
    """The parameters of a section, with the type of each."""
    lines = re.findall(r"^(\*{0,2}\w[\w, *]*?)(?: : (.*))?$", text, re.MULTILINE)
    return {name: kind for names, kind in lines for name in names.split(", ")}


def calls() -> Iterator[tuple[str, Any]]:
    for cls in CLASSES:
        for name in dir(cls):
            function = inspect.getattr_static(cls, name)
            if isinstance(function, (classmethod, staticmethod)):
                function = function.__func__
            called = f"{cls.__name__}.{name}"
            if name.startswith("_") or not inspect.isfunction(function) or called in OWN:
                continue
            if function.__module__.startswith("xnat_upload"):
                yield called, function


CALLS = sorted(dict(calls()).items())


def parameters_of(function: Any) -> list[str]:
    """The names that a caller may write, those of ``**words`` included."""
    names = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            words = re.search(r"Unpack\[(\w+)\]", str(parameter.annotation))
            names += words_of(words[1]) if words else [f"**{parameter.name}"]
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names.append(f"*{parameter.name}")
        else:
            names.append(parameter.name)
    return names


def words_of(name: str) -> list[str]:
    """The keys of a TypedDict that is there for type checkers alone, its parents' first."""
    from xnat_upload.planning import request

    tree = ast.parse(inspect.getsource(request))
    [found] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    parents = [base.id for base in found.bases if isinstance(base, ast.Name) and base.id != "TypedDict"]
    own = [
        each.target.id for each in found.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
    return [*(word for parent in parents for word in words_of(parent)), *own]


@pytest.mark.parametrize(("name", "function"), CALLS, ids=[name for name, _ in CALLS])
def test_a_call_tells_its_parameters_with_types_and_what_it_returns(name: str, function: Any) -> None:
    told = sections(function.__doc__)
    parameters = documented(told.get("Parameters", ""))
    assert sorted(parameters) == sorted(parameters_of(function))
    assert all(parameters.values()), "a parameter without a type"
    returns = inspect.signature(function).return_annotation
    assert ("Returns" in told or "Yields" in told) == (returns not in ("None", None)), returns


@pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])
def test_a_class_tells_its_parameters_with_types(cls: type) -> None:
    if issubclass(cls, (BaseException, InjectedFault, Hold, Requests)) or cls is xnat_upload.Status:
        return  # made by the package, or with the parameters of Exception
    parameters = documented(sections(cls.__doc__).get("Parameters", ""))
    own = list(inspect.signature(cls).parameters)
    inherited = {name for parent in cls.__mro__[1:] for name in getattr(parent, "__dataclass_fields__", ())}
    needed = set(own) - inherited if issubclass(cls, faults.Fault) else set(own)
    assert needed <= set(parameters) <= set(own)
    assert all(parameters.values()), "a parameter without a type"


@pytest.mark.parametrize(("name", "function"), CALLS, ids=[name for name, _ in CALLS])
def test_nobody_is_sent_to_another_docstring_for_parameters(name: str, function: Any) -> None:
    told = sections(function.__doc__)
    for section in ("Parameters", "Returns", "Raises"):
        assert not re.search(r"\b[Aa]s (in )?`[^`]|the words of `", told.get(section, "")), section


def test_upload_and_its_twins_say_the_same() -> None:
    calls = [xnat_upload.Uploader.upload, xnat_upload.Uploader.upload_async, xnat_upload.Uploader.plan]
    of_upload = sections(calls[0].__doc__)["Parameters"]
    for call in calls[1:]:
        assert sections(call.__doc__)["Parameters"].strip() in of_upload
