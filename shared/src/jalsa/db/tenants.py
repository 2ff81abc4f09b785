"""Which tenants there are, as the relay role sees it: each has published something, or received it."""

from sqlalchemy import Engine, text

# From one tenant to the next by the index, however many rows each of them has.
_TENANTS = text("""
    WITH RECURSIVE published (tenant) AS (
      SELECT min(tenant_id) FROM outbox
      UNION ALL SELECT (SELECT min(tenant_id) FROM outbox WHERE tenant_id > tenant) FROM published
      WHERE tenant IS NOT NULL
    ), received (tenant) AS (
      SELECT min(tenant_id) FROM inbox_heads
      UNION ALL SELECT (SELECT min(tenant_id) FROM inbox_heads WHERE tenant_id > tenant) FROM received
      WHERE tenant IS NOT NULL
    )
    SELECT tenant FROM published WHERE tenant IS NOT NULL
    UNION SELECT tenant FROM received WHERE tenant IS NOT NULL ORDER BY tenant
""")


def known_tenants(relay: Engine) -> list[str]:
    """The tenants of a service, in the order of their names."""
    with relay.connect() as conn:
        return list(conn.execute(_TENANTS).scalars())
