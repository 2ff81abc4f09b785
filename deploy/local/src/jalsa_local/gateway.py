"""The gateway of the local run. It publishes what deploy/gateway/nginx.conf publishes, and nothing else."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jalsa.service.problems import Problem

# What is published is listed, so that no spelling of another path (`//metrics`, `/v1/../metrics`) finds a way past.
_PUBLISHED = re.compile(r"/(?P<service>[a-z-]+)(?P<rest>/v1/.*|/livez|/readyz)", re.DOTALL)
_WAY_OUT = re.compile(r"/\.{0,2}/|/\.{1,2}$")


def gateway(services: Mapping[str, WSGIApplication]) -> WSGIApplication:
    """One application of several, each below its name, with an index at `/` and a problem document elsewhere."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        found = _PUBLISHED.fullmatch(path)
        if found and found["service"] in services and not _WAY_OUT.search(path):
            inner = {**environ, "SCRIPT_NAME": f"/{found['service']}", "PATH_INFO": found["rest"]}
            return services[found["service"]](inner, start_response)
        if path in ("", "/"):
            index = {"name": "Jalsa", "services": {name: f"/{name}/v1/docs" for name in services}}
            return _json(start_response, "200 OK", "application/json", index)
        problem = Problem(404, "not-found", "There is nothing at this address.").document()
        return _json(start_response, "404 Not Found", "application/problem+json", problem)

    return answer


def _json(start_response: Callable[..., object], status: str, content_type: str, body: object) -> list[bytes]:
    start_response(status, [("Content-Type", content_type)])
    return [json.dumps(body).encode()]
