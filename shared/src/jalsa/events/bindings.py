"""Finds bindings that were declared and are gone, by the broker's management API, where that is configured.

AMQP has no question for it. Binding again succeeds whether or not the binding was there, and a message that is bound to
one queue is routed, whatever others lost. The API lists the bindings of a virtual host to every user that has the tag
`management`, and no administrator's rights are needed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

import structlog
import urllib3

from jalsa.events.contracts import EXCHANGE
from jalsa.events.topology import Topology, queue_name
from jalsa.service import metrics

log = structlog.get_logger()


#: So many bindings of a queue that is not ours are worth a person's look, because RabbitMQ has no limit on them.
MANY = 100


class BindingsUnknown(Exception):
    """The management API did not say which bindings there are."""


class Bindings:
    """Looks for bindings that were lost, as the user of the AMQP URL. Without a management URL it finds none."""

    def __init__(self, management_url: str, amqp_url: str) -> None:
        amqp = urlsplit(amqp_url)
        virtual_host = quote(unquote(amqp.path.removeprefix("/")) or "/", safe="")
        base = management_url.rstrip("/")
        self._address = base and f"{base}/api/exchanges/{virtual_host}/{quote(EXCHANGE)}/bindings/source"
        self._http = urllib3.PoolManager(
            headers=urllib3.make_headers(basic_auth=f"{unquote(amqp.username or '')}:{unquote(amqp.password or '')}"),
            timeout=urllib3.Timeout(connect=1, read=2),
            retries=False,
        )

    def look(self, topology: Topology) -> Mapping[str, list[str]]:
        """Log and count what was lost: the binding keys, by the queue's name. An API that is away is logged, too.

        To be asked before everything is declared again, and once it was declared before. A subscriber's queue that has
        very many bindings is logged as well.
        """
        if not self._address:
            return {}
        try:
            found = self._fetch()
        except BindingsUnknown as error:
            log.warning("bindings-not-compared", error=str(error))
            return {}
        lost = _lost(topology, found)
        for queue, keys in lost.items():
            log.warning("bindings-lost", queue=queue, keys=keys)
            metrics.BINDINGS_LOST.labels(queue).inc(len(keys))
        for queue, count in Counter(queue for queue, _ in found).items():
            if count > MANY and queue not in map(queue_name, topology.bindings):
                log.warning("bindings-many", queue=queue, count=count)
        return lost

    def _fetch(self) -> list[tuple[str, str]]:
        """Queue and key of each binding of the exchange. Raises BindingsUnknown."""
        try:
            answer = self._http.request("GET", self._address)
            if answer.status == 404:
                return []  # the exchange itself is gone
            if answer.status != 200:
                raise BindingsUnknown(str(answer.status))
            return [(bound["destination"], bound["routing_key"]) for bound in answer.json()]
        except (urllib3.exceptions.HTTPError, ValueError, TypeError, LookupError) as error:
            raise BindingsUnknown(type(error).__name__) from None


def _lost(topology: Topology, found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The binding keys that the broker lacks, by the queue's name."""
    there = set(found)
    wanted = {queue_name(service): keys for service, keys in topology.bindings.items()}
    lacking = {queue: [key for key in keys if (queue, key) not in there] for queue, keys in wanted.items()}
    return {queue: keys for queue, keys in lacking.items() if keys}
