"""The options of a TLS connection: the checks that apply unless the URL says otherwise.

The defaults of redis-py differ between releases (5.1 does not compare the host with the
certificate), so flowkit does not rely on them:

- The certificate must be signed by a trusted authority and must name the host of the connection.
  With Sentinel, this host of the master is the address that the sentinel reports.
- The version is TLS 1.2 or newer.

A URL can disable the first two checks, with ``ssl_cert_reqs=none`` or ``ssl_check_hostname=false``.
A warning is then logged once per process and URL. A URL cannot allow an older version.
"""

from __future__ import annotations

import ssl
from typing import Any

from ..configuration.redis_url import redact_url
from ..events.redis import TLSUnchecked
from ..events.warn_once import warn_once
from .url_options import check_tls_files

OLDEST = ssl.TLSVersion.TLSv1_2


def is_encrypted(url: str) -> bool:
    """Return whether a URL uses TLS for its Redis or its sentinels."""
    return url.startswith("rediss")


def check_certificates(url: str, options: dict[str, Any]) -> None:
    """Complete the options of a TLS connection, as redis-py read them from ``url``.

    Raises ValueError for an invalid option, or one that names a file that cannot be read.
    """
    check_tls_files(options)
    demanded = options.setdefault("ssl_cert_reqs", "required")
    if demanded not in ("none", "optional", "required"):
        raise ValueError("ssl_cert_reqs must be required, optional or none")
    names_checked = options.setdefault("ssl_check_hostname", True)
    options["ssl_min_version"] = _version(options.get("ssl_min_version", OLDEST))
    if demanded == "none":
        options["ssl_check_hostname"] = False  # ssl refuses to compare a name with nothing
        _warn(url, "ssl_cert_reqs=none: any server is accepted as this Redis")
    elif not names_checked:
        _warn(url, "ssl_check_hostname=false: a certificate for any other host is accepted")


def _version(value: object) -> ssl.TLSVersion:
    try:
        version = ssl.TLSVersion(int(str(value)) if not isinstance(value, int) else value)
    except ValueError:
        version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if version < OLDEST:
        raise ValueError("ssl_min_version must be 771 (TLS 1.2) or 772 (TLS 1.3)")
    return version


def _warn(url: str, problem: str) -> None:
    warn_once(TLSUnchecked(redis=redact_url(url), reason=problem), url)
