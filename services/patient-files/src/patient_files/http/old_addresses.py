"""The addresses under which the monolith had encounters: they lead to those of today.

They are not below `/v1`, and the gateway hands them on as they are.
"""

from collections.abc import Callable
from urllib.parse import quote

from flask import Response, request

from jalsa.http import Routes, current_db, shows_list, shows_record
from jalsa.service.errors import NotFound
from patient_files.references.queries import encounter_of_old_key

routes = Routes("old-addresses", "Addresses of the monolith")

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MAX_BYTES = 1024 * 1024
#: What a path may have as it is (RFC 3986).
_SAFE = "/:@!$&'()*+,;=-._~"


def _redirect(key: str, suffix: str) -> Response:
    """The address of today, with the same suffix and query. The status keeps method and body. Raises 404."""
    encounter_id = encounter_of_old_key(current_db(), key)
    parts = suffix.split("/")
    if encounter_id is None:
        shows_record(None, key)  # the key that was tried, and not what comes after it
    if encounter_id is None or any(part in (".", "..") for part in parts):
        raise NotFound("encounter")
    address = f"/patient-files/v1/encounters/{encounter_id}"
    if suffix:
        address += "/" + quote(suffix, safe=_SAFE)
    if request.query_string:
        address += "?" + request.query_string.decode("latin-1")
    shows_list([])  # it shows no record: who follows the address leaves the row
    headers = {"Location": address, "Cache-Control": "private", "Vary": "Authorization"}
    return Response(status=308, headers=headers)


def _register(method: str) -> None:
    """Let a method be redirected at both addresses, without a suffix and with one."""

    def without_suffix(app: str, key: str) -> Response:
        """Lead from an address of the monolith to that of the encounter."""
        return _redirect(key, "")

    def with_suffix(app: str, key: str, suffix: str) -> Response:
        """Lead from an address below one of the monolith to that below the encounter."""
        return _redirect(key, suffix)

    views: dict[str, Callable[..., Response]] = {"": without_suffix, "/<path:suffix>": with_suffix}
    for ending, view in views.items():
        view.__name__ = f"redirect_{method.lower()}_{view.__name__}"
        declare = routes.view(
            f"/<any(emr, core):app>/encounters/<key>{ending}",
            method,
            permission="encounters.read",
            reads="encounter",
            status=308,
            max_bytes=_MAX_BYTES,
            kept=False,
            any_query=True,
        )
        declare(view)


for _method in _METHODS:
    _register(_method)
