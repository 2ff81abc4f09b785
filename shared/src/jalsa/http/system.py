"""What is beside the resources: liveness, readiness, metrics, the OpenAPI document and its page."""

import json
from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template
from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from jalsa import VERSION
from jalsa.events.contracts import FOLDER
from jalsa.http.edge import JalsaFlask
from jalsa.service import metrics
from jalsa.service.errors import NotFound
from jalsa.service.policy import PUBLIC


def system_blueprint() -> Blueprint:
    """A fresh blueprint, because several services may live in one process."""
    blueprint = Blueprint("system", __name__)
    views: dict[str, Callable[..., ResponseReturnValue]] = {
        "/livez": livez,
        "/readyz": readyz,
        "/metrics": metrics_page,
        "/v1/openapi.json": openapi,
        "/v1/docs": docs,
        "/v1/docs/<name>": docs_part,
    }
    for rule, view in views.items():
        view.__dict__["permission"] = PUBLIC
        blueprint.add_url_rule(rule, view_func=view)
    return blueprint


def livez() -> Response:
    """Whether the process answers at all, and the product's version. No dependency is asked."""
    return jsonify({"status": "ok", "version": VERSION})


def readyz() -> tuple[Response, int]:
    """Whether requests can be served, with each dependency by name.

    The broker is none, because web processes never talk to it. What the pulse knows is shown, and no connection of the
    requests' is taken.
    """
    checks = {"database": cast(JalsaFlask, current_app).pulse.state()}
    ready = all(state == "ok" for state in checks.values())
    return jsonify({"status": "ok" if ready else "unavailable", "checks": checks}), 200 if ready else 503


def metrics_page() -> Response:
    """Prometheus metrics. The gateway does not publish this path."""
    return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    return _unchanging(Response(current_app.extensions["jalsa-api"].document, mimetype="application/json"))


def docs() -> Response:
    """A page on which people read and try the API. It loads nothing from another host."""
    service = current_app.extensions["jalsa"].service
    page = _PAGE.substitute(title=escape(service.title), service=escape(service.name), links=_links(service.name))
    return _unchanging(Response(page, mimetype="text/html", headers={"Content-Security-Policy": _POLICY}))


def docs_part(name: str) -> Response:
    """A file that the page loads. Raises 404 for any other name."""
    if name not in _PARTS:
        raise NotFound("page")
    return _unchanging(Response(_VIEWER.joinpath(name).read_bytes(), mimetype=_PARTS[name]))


def _links(current: str) -> str:
    """The pages of all services, as the gateway serves them beside each other."""
    names = sorted({current, *json.loads((FOLDER / "topology.json").read_text())["queues"]})
    here = ' aria-current="page"'
    return " ".join(
        f'<a href="../../{name}/v1/docs"{here if name == current else ""}>{name}</a>' for name in map(escape, names)
    )


def _unchanging(response: Response) -> Response:
    """An answer that stays the same while the process lives: 304 for whoever names its ETag."""
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # it may be kept, and is asked for again by its ETag
    response.make_conditional(request)
    return response


_VIEWER = files("jalsa.http").joinpath("viewer")
_PAGE = Template(_VIEWER.joinpath("page.html").read_text("utf-8"))
_PARTS = {
    "swagger-ui-bundle.js": "text/javascript",
    "page.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
