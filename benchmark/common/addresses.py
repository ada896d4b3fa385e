"""Addresses of databases and servers, as messages and files may show them: without user, password and query."""

from __future__ import annotations

import re
from urllib.parse import unquote

_UNQUOTED = re.compile(r"[/?#@]")
"""Characters that a user name or password must not contain, because they end it for some libraries."""
_PASSWORD = re.compile("pass|pwd|secret|token|key|connect", re.IGNORECASE)
"""Names of the parameters of a query whose values are secret."""


def shown_address(address: str) -> str:
    """Return an address without user name, password and query; ``***`` replaces parts of unclear meaning."""
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    scheme, separator, rest = address.partition("://")
    if not separator:
        return "***" if re.search("[@?=]", address) else address
    if unquoted_secret(address):
        return f"{scheme}://***"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()


def unquoted_secret(address: str) -> str:
    """Explain how to write a user name or password with special characters; an empty string if it has none.

    Libraries read such an address differently, and some take a part of the password for the host and print it.
    """
    rest = address.partition("://")[2]
    if rest.startswith("/") or not _UNQUOTED.search(rest.rpartition("@")[0]):
        return ""
    return (
        "the user name and password of an address must not contain / ? # or @, but these do: write %2F, %3F, %23 and "
        "%40 instead"
    )


def without_secrets(text: str, address: str) -> str:
    """Return a text, such as a library's message, with an address as it is shown and without the address's secrets."""
    text = text.replace(address, shown_address(address))
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets(address: str) -> set[str]:
    """Return the password of an address and the secret values of its query, as written and decoded."""
    user, _, host = address.partition("://")[2].rpartition("@")
    password = user.partition(":")[2] or user
    pairs = (pair.partition("=") for pair in host.partition("?")[2].split("&"))
    written = {password, *(value for name, _, value in pairs if _PASSWORD.search(name))}
    return {form for value in written for form in (value, unquote(value)) if form}
