"""Whether encounters, their appointments and patients, and what refers to them fit together."""

from jalsa.db.transactions import Database
from jalsa.service import clock
from jalsa.service.context import for_system
from patient_files.references import queries


def count(database: Database, tenant: str) -> dict[str, int]:
    """How many findings of each kind a tenant has, by the database's clock; nothing is changed."""
    with database.transaction(for_system(tenant, "check-references")) as db:
        return queries.count_findings(db, now=clock.database_now(db))
