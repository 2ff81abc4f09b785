"""A public view that has found out by itself whose data it may read. It runs as every other view does."""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.http import current_principal

from .lamps import RUN, Lamp, LampNameTaken, Logs


def names(db: Session) -> dict[str, Any]:
    return {"names": db.scalars(select(Lamp.name)).all(), "caller": current_principal().subject}


def test_it_sees_the_rows_of_its_tenant_and_no_others(alpha: ServiceKit, tenant: str) -> None:
    for owner in (tenant, f"{tenant}x"):
        assert alpha.client(owner).post("/lamps", {"name": f"lamp of {owner}"}).status_code == 201
    RUN["open"] = names
    for owner in (tenant, f"{tenant}x"):
        answer = alpha.app.test_client().get(f"/v1/open/{owner}/lamps")
        assert answer.get_json() == {"names": [f"lamp of {owner}"], "caller": "opener"}
    assert alpha.app.test_client().get("/v1/open/nobody/lamps").get_json()["names"] == []
    assert alpha.app.test_client().get("/v1/open/*/lamps").status_code == 404


def test_it_is_one_transaction_that_a_refusal_undoes(alpha: ServiceKit, tenant: str) -> None:
    def add(db: Session) -> dict[str, Any]:
        db.add(Lamp(name="new", level=1))
        db.flush()
        return {"actor": db.scalar(text("SELECT current_setting('jalsa.actor')"))}

    def refuse(db: Session) -> None:
        add(db)
        raise LampNameTaken

    path = f"/v1/open/{tenant}/lamps"
    RUN["open"] = refuse
    assert alpha.app.test_client().get(path).status_code == 409
    assert alpha.count(tenant, Lamp) == 0
    RUN["open"] = add
    assert alpha.app.test_client().get(path).get_json() == {"actor": "opener"}
    assert alpha.count(tenant, Lamp) == 1
    taken = alpha.app.test_client().get(path)  # The same name again. The service's table of constraints says what it is
    assert (taken.status_code, taken.get_json()["code"]) == (409, "name-taken")


def test_its_log_names_tenant_and_caller(alpha: ServiceKit, tenant: str, logs: Logs) -> None:
    RUN["open"] = names
    alpha.app.test_client().get(f"/v1/open/{tenant}/lamps")
    [line] = [line for line in logs if line["event"] == "request"]
    assert (line["route"], line["tenant"], line["actor"]) == ("/v1/open/<tenant>/lamps", tenant, "opener")


def test_a_public_view_is_documented_as_one_that_needs_no_token(alpha: ServiceKit) -> None:
    document = alpha.app.test_client().get("/v1/openapi.json").get_json()
    assert document["paths"]["/v1/open/{tenant}/lamps"]["get"]["security"] == []
    assert "security" not in document["paths"]["/v1/lamps"]["get"]
