"""HTTP: the application factory, and what every view uses."""

from jalsa.web.app import Service, create_app
from jalsa.web.edge import current_db, current_principal, run_as
from jalsa.web.etags import check_if_match, tagged
from jalsa.web.paging import PageArgs, page, page_of
from jalsa.web.routes import Routes

__all__ = [
    "PageArgs",
    "Routes",
    "Service",
    "check_if_match",
    "create_app",
    "current_db",
    "current_principal",
    "page",
    "page_of",
    "run_as",
    "tagged",
]
