"""HTTP: the application factory, and what every view uses."""

from jalsa.http.access import asks_for, shows_list, shows_record, shows_search
from jalsa.http.app import create_app, current_speaker
from jalsa.http.edge import current_db, current_principal, run_as
from jalsa.http.etags import check_if_match, json_with_etag
from jalsa.http.idempotency import Shortened
from jalsa.http.paging import Everything, PageArgs, PageOf, PlainPageArgs, page, page_by_id, page_of
from jalsa.http.restricted import Answer, restricted
from jalsa.http.routes import Routes

__all__ = [
    "Answer",
    "Everything",
    "PageArgs",
    "PageOf",
    "PlainPageArgs",
    "Routes",
    "Shortened",
    "asks_for",
    "check_if_match",
    "create_app",
    "current_db",
    "current_principal",
    "current_speaker",
    "json_with_etag",
    "page",
    "page_by_id",
    "page_of",
    "restricted",
    "run_as",
    "shows_list",
    "shows_record",
    "shows_search",
]
