"""Routes: a blueprint whose every view names the permission that it needs."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Blueprint
from marshmallow import Schema

F = TypeVar("F", bound=Callable[..., Any])


class Routes(Blueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with one typed decorator for rule, permission, body, query and answer."""

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
    ) -> Callable[[F], F]:
        """Register a view. It is called with the loaded body, the loaded query, and the rule's parameters by name."""

        def register(view: F) -> F:
            view.__dict__["permission"] = permission  # the decorators outside it copy it along
            decorated = self.response(status, answer)(view)
            if query is not None:
                decorated = self.arguments(query, location="query")(decorated)
            if body is not None:
                decorated = self.arguments(body)(decorated)
            self.route(rule, methods=[method])(decorated)
            return view

        return register
