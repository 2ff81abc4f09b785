"""Routes: a blueprint whose every view names the permission that it needs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest

from jalsa import strictjson
from jalsa.auth import PUBLIC
from jalsa.web.restricted import check_declared

F = TypeVar("F", bound=Callable[..., Any])


class _Parser(FlaskParser):
    """webargs' parser, for strict JSON."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body's value; a 400 problem where it can not be read."""
        body = req.get_data()
        if not body or not req.is_json:
            return missing
        try:
            return strictjson.loads(body)
        except ValueError:
            raise BadRequest from None


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
        kept: bool = True,
    ) -> Callable[[F], F]:
        """Register a view. It is called with the loaded body, the loaded query, and the rule's parameters by name.

        `texts` are the media types in which it answers as text, beside JSON or instead of it. `kept` says whether the
        answer of a POST is kept for a repeat with the same Idempotency-Key: not where it tells a secret once, where
        nothing is changed, or where it was asked for by a person's data. Such a request is simply done again.
        """

        if answer is not None:
            check_declared(answer)

        def register(view: F) -> F:
            # the decorators outside it copy these along
            view.__dict__.update(permission=permission, kept=kept, answer=answer)
            decorated = self.response(status, answer)(view)
            if texts:
                content = {media_type: {"schema": {"type": "string"}} for media_type in texts}
                decorated = self.doc(responses={status: {"content": content}})(decorated)
            if not kept:
                decorated = self.doc(**{"x-answer-kept": False})(decorated)
            if permission == PUBLIC:
                decorated = self.doc(security=[])(decorated)
            if query is not None:
                decorated = self.arguments(query, location="query")(decorated)
            if body is not None:
                decorated = self.arguments(body)(decorated)
            self.route(rule, methods=[method])(decorated)
            return view

        return register
