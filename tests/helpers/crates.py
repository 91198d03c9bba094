"""Offline validation of RO-Crates."""

import io
import json
from pathlib import Path
from typing import Any

import requests
import requests_cache
import rocrate
import urllib3
from rocrate_validator import services

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
OLD_TERMS = ("ComputationalWorkflow", "FormalParameter", "input", "output")
"""Terms whose addresses had no `/terms` in the context of version 1.1, as the profiles' shapes have them."""


def context() -> dict[str, Any]:
    """Return the context of version 1.1: that of the newest version, which the library has, with the old addresses."""
    text = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    for term in OLD_TERMS:
        found["@context"][term] = found["@context"][term].replace("bioschemas.org/terms/", "bioschemas.org/")
    return found


class _Context(requests.adapters.BaseAdapter):
    """Answers with the context, in place of a server."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = urllib3.HTTPResponse(io.BytesIO(json.dumps(context()).encode()), preload_content=False)
        return response

    def close(self) -> None:
        pass


def findings(crate: Path, cache: Path, profile: str = "workflow-run-crate", severity: str = "REQUIRED") -> list[str]:
    """Return each requirement that a crate fails, for a profile and the profiles that it extends.

    `cache` is the path of the stored responses for the validator; it contacts no server.
    """
    session = requests_cache.CachedSession(str(cache), backend="sqlite", expire_after=-1, allowable_methods=("GET",))
    session.mount("https://", _Context())
    session.get(CONTEXT)
    session.close()
    settings = services.ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier=profile,
        requirement_severity=severity,
        cache_path=cache,
        offline=True,
    )
    result = services.validate(settings)
    return [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
