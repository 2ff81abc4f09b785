"""The ways out: email, the gateways for text messages and WhatsApp, and the one that only records."""

from collections.abc import Callable, Mapping
from functools import cache

from notifications.channels.email import Mailer
from notifications.channels.failure import NotSent
from notifications.channels.gateway import Gateway
from notifications.config import NotificationsConfig
from notifications.domain import EMAIL, NOT_CONFIGURED, SMS, WHATSAPP, Outgoing

#: Delivers a message and returns the other side's reference for it. Raises NotSent.
Channel = Callable[[Outgoing], str]


@cache
def channels(config: NotificationsConfig) -> Mapping[str, Channel]:
    """The way out of each channel, made once, so that connections are kept.

    Where nothing at all is configured, every message is recorded only. Where something is, this site sends, and a
    channel without an address refuses its messages, because none may be called sent that went nowhere.
    """
    sends = config.smtp_url or config.sms_gateway_url or config.whatsapp_gateway_url
    absent = not_configured if sends else recorded
    return {
        EMAIL: Mailer(config.smtp_url, config.mail_from) if config.smtp_url else absent,
        SMS: _gateway(config.sms_gateway_url, config.sms_gateway_token, absent),
        WHATSAPP: _gateway(config.whatsapp_gateway_url, config.whatsapp_gateway_token, absent),
    }


def recorded(_: Outgoing) -> str:
    """Where nothing is configured, the message's row is all that there is."""
    return "recorded"


def not_configured(_: Outgoing) -> str:
    """Where this site sends, but not on this channel. Raises NotSent."""
    raise NotSent("not-configured", NOT_CONFIGURED, again=False)


def _gateway(url: str, token: str, absent: Channel) -> Channel:
    return Gateway(url, token) if url else absent
