"""A login from ``~/.netrc``, or the file that NETRC names, with the place told where it cannot be read."""

from __future__ import annotations

import netrc
import os
from urllib.parse import urlsplit

from xnat_upload.errors import AuthenticationError, quoted


def netrc_login(server: str) -> tuple[str, str] | None:
    """Give user and password of a server's host; None if there is no file, or nothing whole for this host in it.

    requests finds the same file, but takes one that it cannot read for none.

    Raises
    ------
    AuthenticationError
        The file cannot be read; the message names it and the line, and shows nothing of that.
    """
    named = os.environ.get("NETRC")
    paths = [os.path.expanduser(each) for each in ([named] if named else ["~/.netrc", "~/_netrc"])]  # noqa: PTH111  never raises
    path = next(filter(os.path.exists, paths), None)
    if path is None:
        return None
    try:
        found = netrc.netrc(path).authenticators(urlsplit(server).hostname or "")
    except netrc.NetrcParseError as error:  # whose text holds the word that it stumbled upon, perhaps the password
        where, why = f"line {error.lineno} of {quoted(path)}", "is not as it should be"
    except OSError as error:
        where, why = quoted(path), f"cannot be read: {error.strerror}"
    except UnicodeError:
        where, why = quoted(path), "is no text in UTF-8"
    else:
        if found is None or not (found[0] or found[1]) or not found[2]:
            return None
        return found[0] or found[1] or "", found[2]
    raise AuthenticationError(
        f"{where[0].upper()}{where[1:]} {why}. Mend it (machine HOST login USER password PASSWORD), or give user and "
        "password, or set XNAT_HOST, XNAT_USER and XNAT_PASS.",
        url=server,
    )
