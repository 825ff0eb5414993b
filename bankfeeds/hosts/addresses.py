"""Which hosts a connection calls, and which connections call a host."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from bankfeeds.jpmorgan import transport
from bankfeeds.models import Connection


def hosts_of(connection: Connection) -> tuple[str, ...]:
    """Return the names (``host:port``) of the hosts the connection calls; none for an address that is none."""
    urls = [connection.api_host, *([connection.token_url] if connection.auth == "oauth" else [])]
    return tuple(sorted({name for name in map(_name, urls) if name}))


def calling(names: Collection[str]) -> Q:
    """Return the condition on a Connection that it calls one of these hosts. Reads the addresses in use, once each."""
    wanted = set(names)
    api = {url for url in _addresses("api_host") if _name(url) in wanted}
    token = {url for url in _addresses("token_url") if _name(url) in wanted}
    return Q(api_host__in=api) | Q(auth="oauth", token_url__in=token)


def alone_at(name: str, *, connection_pk: int) -> bool:
    """Say whether no other connection that is pulled calls the host."""
    others = Connection.objects.exclude(state="closed").exclude(pk=connection_pk)
    return not others.filter(calling([name])).exists()


def _addresses(field: str) -> set[str]:
    rows = Connection.objects.exclude(state="closed").order_by().values_list(field, flat=True)
    return set(rows.distinct())


def _name(url: str) -> str:
    try:
        return transport.host_name(url)
    except ValueError:
        return ""
