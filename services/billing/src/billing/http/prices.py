"""The price list."""

from uuid import UUID

from flask import Response

from billing import queries
from billing.commands import CreatePrice, FindPrices
from billing.http import schemas
from billing.models import Price
from billing.operations import prices as operations
from jalsa.http import PageOf, Routes, current_db, json_with_etag, page_by_id, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject

routes = Routes("prices", "The price list")

_PRICE = schemas.PriceAnswer()


@routes.view("/prices", "POST", permission="prices.write", body=schemas.PriceBody(), response=_PRICE, status=201)
def create_price(command: CreatePrice) -> Response:
    """Set what a service costs from now on, in one clinic or everywhere, and invoice what waited for it."""
    return json_with_etag(_PRICE.dump(operations.create_price(current_db(), command, now=clock.now())), 201)


@routes.view("/prices", permission="prices.read", query=schemas.PriceArgs(), response=page_of(schemas.PriceAnswer))
def list_prices(query: PageOf[FindPrices]) -> JsonObject:
    """Every price in the order in which it was set. The newest of a service and clinic is the valid one."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_prices(current_db(), query.asked, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit)


@routes.view("/prices/<uuid:price_id>", permission="prices.read", response=_PRICE)
def get_price(price_id: UUID) -> Response:
    """One price."""
    price = current_db().get(Price, price_id)
    if price is None:
        raise NotFound("price")
    return json_with_etag(_PRICE.dump(price))
