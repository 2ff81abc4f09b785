"""HTTP: the application factory, and what every view uses."""

from jalsa.web.app import Service, create_app, current_speaker
from jalsa.web.edge import current_db, current_principal, run_as
from jalsa.web.etags import check_if_match, tagged
from jalsa.web.paging import Everything, PageArgs, PageOf, PlainPageArgs, page, page_of
from jalsa.web.restricted import Answer, Readers, restricted
from jalsa.web.routes import Routes

__all__ = [
    "Answer",
    "Everything",
    "PageArgs",
    "PageOf",
    "PlainPageArgs",
    "Readers",
    "Routes",
    "Service",
    "check_if_match",
    "create_app",
    "current_db",
    "current_principal",
    "current_speaker",
    "page",
    "page_of",
    "restricted",
    "run_as",
    "tagged",
]
