"""A blueprint whose every view names the permission that it needs."""

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import Request, request
from flask_smorest import Blueprint
from marshmallow import Schema, fields
from webargs.core import missing
from webargs.flaskparser import FlaskParser

from jalsa.http import bodies
from jalsa.http.restricted import check_declared
from jalsa.service.policy import PUBLIC
from jalsa.service.problems import Problem

F = TypeVar("F", bound=Callable[..., Any])


class _Parser(FlaskParser):
    """webargs' parser, for strict JSON."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body's value. Raises what `bodies.parse` raises."""
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
        response: Schema | None = None,
        status: int = 200,
        text_types: Sequence[str] = (),
        max_bytes: int = bodies.MAX_BYTES,
        seconds: float | None = None,
        kept: bool = True,
    ) -> Callable[[F], F]:
        """Register a view. It is called with the loaded body, the loaded query, and the rule's parameters by name.

        `text_types` are the media types in which it answers as text, beside JSON or instead of it. `max_bytes` is the
        length of its longest body, and `seconds` the time that each of its statements may take, where it needs more
        than other views. `kept` says whether the answer of a POST is kept for a repeat with the same Idempotency-Key.
        It is not kept where it tells a secret once, where nothing is changed, or where it the request names a person's
        data. Such a request is simply done again.
        """

        if response is not None:
            check_declared(response)

        def register(view: F) -> F:
            # the decorators outside it copy these along
            view.__dict__.update(permission=permission, max_bytes=max_bytes, seconds=seconds, kept=kept)
            view.__dict__.update(body=body, query=query, response=response)
            decorated = self.response(status, response)(view)
            if text_types:
                content = {media_type: {"schema": {"type": "string"}} for media_type in text_types}
                decorated = self.doc(responses={status: {"content": content}})(decorated)
            if not kept:
                decorated = self.doc(**{"x-answer-kept": False})(decorated)
            if permission == PUBLIC:
                decorated = self.doc(security=[])(decorated)
            if query is not None:
                decorated = self.arguments(query, location="query")(decorated)
            if body is not None:
                decorated = self.arguments(body)(decorated)
            decorated = _with_known_parameters(decorated, query)
            self.route(rule, methods=[method])(decorated)
            return view

        return register


#: How many unknown parameters an answer names, and how much of each name.
_MAX_NAMED, _MAX_NAME = 20, 50


def _with_known_parameters(view: F, query: Schema | None) -> F:
    """The view, for requests whose query has no parameter but the schema's.

    A filter that is ignored would show too much. Raises a 422 problem for others, and for one that stands
    twice where it is not a list. Their values are never told.
    """
    names = {field.data_key or name: field for name, field in (query.fields if query else {}).items()}
    lists = {name for name, field in names.items() if isinstance(field, fields.List)}

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if request.args:
            _check_parameters(names, lists)
        return view(*args, **kwargs)

    return checked  # type: ignore[return-value]


def _check_parameters(known: Collection[str], lists: Collection[str]) -> None:
    errors = {}
    for name, values in request.args.lists():
        if name not in known:
            errors[name[:_MAX_NAME]] = ["There is no such parameter."]
        elif len(values) > 1 and name not in lists:
            errors[name] = ["Must be given once."]
    if errors:
        shown = dict(list(errors.items())[:_MAX_NAMED])
        raise Problem(422, "validation-error", "The request has invalid parameters.", errors=shown)
