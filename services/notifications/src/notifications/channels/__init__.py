"""The ways out: email, the gateways for text messages and WhatsApp, and the one that only records."""

from collections.abc import Callable, Mapping
from functools import cache

from notifications.channels.email import Mailer
from notifications.channels.gateway import Gateway
from notifications.config import NotificationsConfig
from notifications.domain import EMAIL, SMS, WHATSAPP, Outgoing

#: Delivers a message and returns the other side's reference for it. Raises NotSent.
Channel = Callable[[Outgoing], str]


@cache
def channels(config: NotificationsConfig) -> Mapping[str, Channel]:
    """The way out of each channel, made once, so that connections are kept."""
    return {
        EMAIL: Mailer(config.smtp_url, config.mail_from) if config.smtp_url else recorded,
        SMS: _gateway(config.sms_gateway_url, config.sms_gateway_token),
        WHATSAPP: _gateway(config.whatsapp_gateway_url, config.whatsapp_gateway_token),
    }


def recorded(_: Outgoing) -> str:
    """Where no address is configured: the message's row is all that there is."""
    return "recorded"


def _gateway(url: str, token: str) -> Channel:
    return Gateway(url, token) if url else recorded
