"""A service that owns facts does not start empty where others know events of it, because it must be restored first."""

import structlog
import urllib3
from sqlalchemy import Engine, text

from jalsa.events import sources
from jalsa.events import topology as bus
from jalsa.events.reconcile import peer_address
from jalsa.events.sources import SourceChanged
from jalsa.events.tokens import ServiceTokens
from jalsa.service.config import ConfigError

log = structlog.get_logger()

_NOTHING_PUBLISHED = text("SELECT position = 0 FROM relay_state WHERE work = 'place'")


def check(service: str, engine: Engine, tokens: ServiceTokens, peers: str, topology: bus.Topology) -> None:
    """Ask those who follow this service, if it has published nothing yet, whether they have had events of it.

    Raises ConfigError where one has, and lets the web processes take nothing in (`jalsa.db.pulse`). A follower that
    does not answer is passed over. At a first start all are empty, and whoever does know events stops following by
    itself when it meets others (`jalsa.events.sources`).
    """
    with engine.connect() as conn:
        if not conn.execute(_NOTHING_PUBLISHED).scalar_one():
            return
    with urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=3), retries=False) as http:
        for follower in topology.followers(service):
            if _knows(http, peer_address(peers, follower), service, tokens.token()):
                sources.stop(engine, service, SourceChanged(service, "this database is empty"))
                raise ConfigError(f"this database is empty, but {follower} has had events of it: see {sources.RUNBOOK}")


def _knows(http: urllib3.PoolManager, address: str, service: str, token: str) -> bool:
    try:
        answer = http.request(
            "GET",
            f"{address}/v1/events/heads",
            fields={"source": service, "limit": "1"},
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status == 200 and bool(answer.json()["items"])
    except (urllib3.exceptions.HTTPError, ValueError, TypeError, LookupError) as error:
        log.info("follower-away", error=type(error).__name__)
        return False
