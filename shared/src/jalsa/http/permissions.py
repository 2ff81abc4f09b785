"""What the caller may do: the permissions that the service's policy gives to the roles of the caller's token."""

from typing import TYPE_CHECKING

from flask import current_app
from marshmallow import Schema, fields

from jalsa.http.edge import current_principal
from jalsa.http.feed import withheld
from jalsa.http.routes import Routes
from jalsa.service.json_types import JsonObject
from jalsa.service.policy import AUTHENTICATED, Principal

if TYPE_CHECKING:
    from jalsa.service.declaration import Service


class PermissionsAnswer(Schema):
    """The names of the caller's permissions in this service."""

    permissions = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "The permissions that the caller's token gives in this service, in alphabetical order. "
            "A permission may still be limited to the caller's own records. docs/permissions.md lists the roles.",
            "example": ["appointments.read", "appointments.write"],
        },
    )


def permission_routes() -> Routes:
    """The route `/v1/permissions`, for one application."""
    routes = Routes("permissions", "What the caller may do")
    routes.view("/permissions", permission=AUTHENTICATED, response=PermissionsAnswer())(read_permissions)
    return routes


def read_permissions() -> JsonObject:
    """List the permissions that the caller's token gives in this service.

    Every caller with a valid token may ask, and a caller whose roles mean nothing here gets an empty list.
    """
    return {"permissions": permissions_of(current_app.extensions["jalsa"].service, current_principal())}


def permissions_of(service: "Service", principal: Principal) -> list[str]:
    """The names of the permissions that a caller has in a service, sorted.

    A subscriber reads restricted events only where the token grants them by name, so the permission to read them is
    left out otherwise.
    """
    refused = {f"events.read.{aggregate}" for aggregate in withheld(service, principal)}
    return sorted(name for name, roles in service.policy.items() if roles & principal.roles and name not in refused)
