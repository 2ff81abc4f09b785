"""The composition root, which puts notifications together."""

from jalsa.service.declaration import Service
from notifications import domain, handlers, jobs
from notifications.config import NotificationsConfig
from notifications.events import announced, published
from notifications.http import inbox, messages, preferences
from notifications.http.reference import REFERENCE
from notifications.policy import POLICY

SERVICE = Service(
    name="notifications",
    title="Jalsa notifications",
    config=NotificationsConfig,
    policy=POLICY,
    texts=("notifications",),
    reference=REFERENCE,
    routes=(messages.routes, preferences.routes, inbox.routes),
    publishes=published.PUBLISHES,
    streams=announced.STREAMS,
    handlers=handlers.HANDLERS,
    jobs=jobs.JOBS,
    machines=(domain.REMINDER, domain.MESSAGE),
)
