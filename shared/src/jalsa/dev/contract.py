"""Whether what a service answers in its tests is what its OpenAPI document says. Every answer of every test is read."""

import json
from typing import Any

import jsonschema_rs
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from jalsa.http.openapi import path_of


class Contract:
    """The OpenAPI document of one application, against which its answers are held."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.document: dict[str, Any] = json.loads(app.extensions["jalsa-api"].document)
        self._validators: dict[str, Any] = {}

    def check(self, answer: TestResponse) -> None:
        """Raises AssertionError for an answer with a field too few or of another kind, or with an undeclared code."""
        operation = self._operation(answer)
        if operation is None or answer.status_code == 304:
            return
        name = operation["operationId"]
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{name} does not say that it may answer {answer.status_code}: {answer.text}"
        if answer.mimetype == "application/problem+json":
            code = (answer.get_json() or {})["code"]
            assert code in operation["x-problem-codes"], f"{name} does not say that it may refuse with {code}"
        if answer.is_json:
            schema = described["content"][str(answer.mimetype)]["schema"]
            errors = [f"{error.instance_path}: {error.message}" for error in self._errors(schema, answer.text)]
            assert not errors, f"{name} answered {answer.status_code} otherwise than it says: {errors[:5]}"

    def _errors(self, schema: Any, text: str) -> Any:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        return self._validators[key].iter_errors(json.loads(text))

    def _operation(self, answer: TestResponse) -> dict[str, Any] | None:
        """The operation that answered, or None for what the document does not describe."""
        request = answer.request
        try:
            rule, _ = self.app.url_map.bind("localhost").match(request.path, request.method, return_rule=True)
        except HTTPException:
            return None
        operations = self.document["paths"].get(path_of(rule.rule), {})
        found: dict[str, Any] | None = operations.get(request.method.lower())
        return found
