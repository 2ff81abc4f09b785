"""The application factory makes the Flask application of what a service declares."""

import json
import re
import time
from dataclasses import dataclass
from functools import cached_property

import structlog
from flask import Flask, Response, current_app, g, jsonify, request
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.middleware.proxy_fix import ProxyFix

from jalsa import VERSION
from jalsa.db.transactions import Database
from jalsa.http import bodies, fields
from jalsa.http.auth import Authenticator
from jalsa.http.edge import JalsaFlask, Patience
from jalsa.http.openapi import Document, path_of
from jalsa.service import metrics
from jalsa.service.config import Config
from jalsa.service.declaration import Service
from jalsa.service.errors import DomainError
from jalsa.service.json_types import JsonObject
from jalsa.service.problems import COMMON, USUAL_CODES, VALIDATION_ERROR, Catalogue, Problem, Speaker
from jalsa.service.texts import LANGUAGES, Texts

log = structlog.get_logger()

_PATIENCE = Patience()
_HALVES = re.compile("[\ud800-\udfff]")
#: The codes of what werkzeug names otherwise.
_CODES = {400: "malformed-request", 422: VALIDATION_ERROR, 500: "internal-error"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Wiring:
    """What the edge finds in `app.extensions["jalsa"]`."""

    service: Service
    config: Config
    authenticator: Authenticator
    catalogue: Catalogue
    texts: Texts


class ReadableJson(DefaultJSONProvider):
    """Answers in the order of their fields, with Arabic as it is written."""

    sort_keys = False
    ensure_ascii = False

    def dumps(self, obj: object, **kwargs: object) -> str:
        """The JSON text.

        Half of a surrogate pair, which is no character, stays escaped, because UTF-8 cannot have it.
        """
        text = super().dumps(obj, **kwargs)
        return super().dumps(obj, **kwargs | {"ensure_ascii": True}) if _HALVES.search(text) else text


class JalsaApi(Api):  # type: ignore[misc]
    """flask-smorest with problem documents for errors, in answers and in the documentation."""

    ERROR_SCHEMA = fields.Problem

    def __init__(self, app: Flask, service: Service) -> None:
        from jalsa.http.feed import feed_routes
        from jalsa.http.permissions import permission_routes

        app.config.update(
            API_TITLE=service.title,
            API_VERSION=VERSION,
            OPENAPI_VERSION="3.1.0",
            API_SPEC_OPTIONS=_spec_options(service),
        )
        super().__init__(app)
        self.service = service
        for routes in (*service.routes, feed_routes(), permission_routes()):
            self.register_blueprint(routes, url_prefix="/v1")
        for routes in service.old_routes:
            # they are no part of the API, and its document says nothing of them
            app.register_blueprint(routes)

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Any HTTP error as a problem document. The headers of the error (Allow, …) are kept."""
        return _http_problem(error)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document as JSON, built at the first call."""
        return json.dumps(self._document(), ensure_ascii=False, separators=(",", ":")).encode()

    def _document(self) -> JsonObject:
        views = {
            (method, path_of(rule.rule)): self._app.view_functions[rule.endpoint]
            for rule in self._app.url_map.iter_rules()
            for method in rule.methods or ()
        }
        service = self.service
        codes = service.problems.codes
        return Document(self.spec.to_dict(), views, service.reference, service.policy, codes).complete()


def openapi_document(service: Service) -> bytes:
    """The OpenAPI document that a service serves, as JSON. No database is needed for it."""
    return JalsaApi(Flask(service.name, static_folder=None), service).document


def create_app(
    service: Service, config: Config, database: Database | None = None, patience: Patience = _PATIENCE
) -> JalsaFlask:
    """The web application of a service.

    The application role's `database` is made from `config` if absent, and is then watched by threads of this process.
    """
    from jalsa.http.system import system_blueprint

    config.require("database_url", "jwks_url", "service_jwks_url")
    if service.reads:
        config.require("access_log_key")
    app = JalsaFlask(service.name, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=bodies.MAX_BYTES)
    app.json = ReadableJson(app)
    app.extensions["jalsa"] = Wiring(
        service,
        config,
        Authenticator(
            issuer=config.jwt_issuer,
            audience=config.jwt_audience,
            jwks_url=config.jwks_url,
            service_jwks_url=config.service_jwks_url,
            max_hours=config.jwt_max_hours,
        ),
        COMMON | service.problems,
        Texts(("jalsa", *service.texts)),
    )
    metrics.BUILD.labels(service.name, VERSION).set(1)
    watched = database is None
    name = f"{service.name}-web"
    app.guard(
        database or Database(config.database_url, pool_size=config.web_threads, name=name, connect_timeout=2), patience
    )
    app.extensions["jalsa-api"] = JalsaApi(app, service)
    app.register_blueprint(system_blueprint())
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(DomainError, _refused)
    app.before_request(_start_clock)
    app.after_request(_observe)
    if hops := config.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops
        )
    if watched:
        app.pulse.start()
    return app


def _spec_options(service: Service) -> JsonObject:
    return {
        "servers": [{"url": f"/{service.name}", "description": "Behind the gateway"}],
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of your issuer, whose claims name the tenant and your roles",
                }
            }
        },
        "security": [{"bearer": []}],
    }


def language() -> str:
    """The language of the caller, by Accept-Language, or English where none of ours is asked for.

    What the caller prefers most decides, also where it names a country (`ar-SA`), as in the lookup of RFC 4647.
    """
    wanted = (re.split("[-_]", tag)[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((tag for tag in wanted if tag in LANGUAGES), LANGUAGES[0])


def current_speaker() -> Speaker:
    """What says a message in the caller's language."""
    wiring: Wiring = current_app.extensions["jalsa"]
    return wiring.texts.speaker(language())


def _refused(error: DomainError) -> Response:
    return _problem(current_app.extensions["jalsa"].catalogue.problem(error, current_speaker()))


def _problem(problem: Problem) -> Response:
    response = jsonify(problem.document(current_speaker()))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    response.headers.update(problem.headers)
    response.headers["Content-Language"] = language()
    response.vary.add("Accept-Language")
    return response


def _http_problem(error: HTTPException) -> Response:
    data = getattr(error, "data", None) or {}
    status = error.code or 500
    if isinstance(error, InternalServerError):
        log.error("request-failed", exc_info=error.original_exception or error)
    code = _CODES.get(status, error.name.lower().replace(" ", "-"))
    detail = error.description or error.name
    if status != 404:  # that there is no such address is not that there is no such record
        _, detail = USUAL_CODES.get(code, (status, detail))
    messages = data.get("messages") if status == 422 else None
    response = _problem(Problem(status, code, detail, errors=_flat(messages)))
    for name, value in error.get_response().headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _flat(messages: object) -> JsonObject | None:
    """webargs' messages without their location level (`json`, `query`)."""
    if not isinstance(messages, dict):
        return None
    flat: JsonObject = {}
    for of_location in messages.values():
        flat.update(of_location if isinstance(of_location, dict) else {"body": of_location})
    return flat


def _start_clock() -> None:
    g.started = time.perf_counter()


def _observe(response: Response) -> Response:
    """Log and measure the request by its route, because the path and the query may name a patient."""
    route = request.url_rule.rule if request.url_rule else "unmatched"
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    service = current_app.extensions["jalsa"].service.name
    method = request.method if request.method in _METHODS else "other"  # a client may make up any number of them
    metrics.REQUESTS.labels(service, method, route, str(response.status_code)).observe(seconds)
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not route.endswith(("/livez", "/readyz", "/metrics")):
        log.info("request", method=method, route=route, status=response.status_code, ms=round(seconds * 1e3, 1))
    return response
