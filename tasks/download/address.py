"""Where the venue is, and which addresses are safe to speak to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from engine.errors import ConfigError


def endpoint_of(url: str) -> str:
    """The base address of REST calls; ConfigError unless https, or plain http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return url.rstrip("/")
    plain = parts.scheme == "http"
    raise ConfigError(
        f"{url!r} is not a safe address of an exchange" if plain else f"{url!r} is no address",
        where="--exchange-url, LOCKSTEP_EXCHANGE_URL",
        hint="give https://..., or http://127.0.0.1:PORT for an exchange on this machine",
        code="ENDPOINT_INSECURE" if plain else "ENDPOINT_INVALID",
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
