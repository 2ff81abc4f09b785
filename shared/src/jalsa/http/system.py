"""What is beside the resources: liveness, readiness, metrics, the OpenAPI document and its page."""

from collections.abc import Callable
from importlib.resources import files
from typing import cast

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from jalsa import VERSION
from jalsa.http.edge import JalsaFlask
from jalsa.service import metrics
from jalsa.service.policy import PUBLIC


def system_blueprint() -> Blueprint:
    """A fresh blueprint: several services may live in one process."""
    blueprint = Blueprint("system", __name__)
    views: dict[str, Callable[[], ResponseReturnValue]] = {
        "/livez": livez,
        "/readyz": readyz,
        "/metrics": metrics_page,
        "/v1/openapi.json": openapi,
        "/v1/docs": docs,
    }
    for rule, view in views.items():
        view.__dict__["permission"] = PUBLIC
        blueprint.add_url_rule(rule, view_func=view)
    return blueprint


def livez() -> Response:
    """Whether the process answers at all, and the product's version; no dependency is asked."""
    return jsonify({"status": "ok", "version": VERSION})


def readyz() -> tuple[Response, int]:
    """Whether requests can be served: each dependency by name. The broker is none: web processes never talk to it.

    No connection of the requests' is taken: what the pulse knows is shown.
    """
    checks = {"database": cast(JalsaFlask, current_app).pulse.state()}
    ready = all(state == "ok" for state in checks.values())
    return jsonify({"status": "ok" if ready else "unavailable", "checks": checks}), 200 if ready else 503


def metrics_page() -> Response:
    """Prometheus metrics; the gateway does not publish this path."""
    return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    return _unchanging(Response(current_app.extensions["jalsa-api"].document, mimetype="application/json"))


def docs() -> Response:
    """A page that shows the OpenAPI document; it loads nothing from outside."""
    return _unchanging(Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _POLICY}))


def _unchanging(response: Response) -> Response:
    """An answer that stays the same while the process lives: 304 for whoever names its ETag."""
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # it may be kept, and is asked for again by its ETag
    response.make_conditional(request)
    return response


_PAGE = files("jalsa.http").joinpath("docs.html").read_bytes()
_POLICY = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
