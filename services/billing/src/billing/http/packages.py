"""What the appointments of a package come to."""

from uuid import UUID

from flask import Response

from billing import queries
from billing.http import represent, schemas
from billing.models import PackageProjection
from jalsa.http import Routes, current_db, json_with_etag
from jalsa.service.errors import NotFound

routes = Routes("packages", "What the appointments of a package come to")

_BALANCE = schemas.PackageBalanceAnswer()


@routes.view("/packages/<uuid:package_id>/balance", permission="invoices.read", response=_BALANCE)
def get_package_balance(package_id: UUID) -> Response:
    """What a package's invoices charge, what was paid, and what is left to pay, in each currency."""
    db = current_db()
    package = db.get(PackageProjection, package_id)
    if package is None:
        raise NotFound("package")
    return json_with_etag(_BALANCE.dump(represent.package_balance(package, queries.package_sums(db, package_id))))
