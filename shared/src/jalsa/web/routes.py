"""Routes: a blueprint whose every view names the permission that it needs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from jalsa.auth import PUBLIC
from jalsa.web import bodies

F = TypeVar("F", bound=Callable[..., Any])


class _Parser(FlaskParser):
    """webargs' parser, for strict JSON."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body's value; raises what `bodies.parse` raises."""
        body = req.get_data()
        return bodies.parse(body) if body and req.is_json else missing


class Routes(Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with one typed decorator for rule, permission, body, query and answer."""

    ARGUMENTS_PARSER = _Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, name, description=description)

    def view(
        self,
        rule: str,
        method: str = "GET",
        *,
        permission: str,
        body: Schema | None = None,
        query: Schema | None = None,
        answer: Schema | None = None,
        status: int = 200,
        texts: Sequence[str] = (),
        max_bytes: int = bodies.MAX_BYTES,
        seconds: float | None = None,
    ) -> Callable[[F], F]:
        """Register a view. It is called with the loaded body, the loaded query, and the rule's parameters by name.

        `texts` are the media types in which it answers as text, beside JSON or instead of it. `max_bytes` is the
        length of its longest body, and `seconds` the time that each of its statements may take, where it needs more
        than other views.
        """

        def register(view: F) -> F:
            # the decorators outside it copy these along
            view.__dict__.update(permission=permission, max_bytes=max_bytes, seconds=seconds)
            decorated = self.response(status, answer)(view)
            if texts:
                content = {media_type: {"schema": {"type": "string"}} for media_type in texts}
                decorated = self.doc(responses={status: {"content": content}})(decorated)
            if permission == PUBLIC:
                decorated = self.doc(security=[])(decorated)
            if query is not None:
                decorated = self.arguments(query, location="query")(decorated)
            if body is not None:
                decorated = self.arguments(body)(decorated)
            self.route(rule, methods=[method])(decorated)
            return view

        return register
