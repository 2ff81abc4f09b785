"""The settings of notifications, beside those of every service."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from jalsa.config import Config, ConfigError, setting

_MAIL = ("smtp", "smtp+starttls", "smtps")
_WEB = ("https", "http")


@dataclass(frozen=True, kw_only=True)
class NotificationsConfig(Config):
    """Where messages go out. With no URL at all, messages are only recorded: they leave nowhere."""

    smtp_url: str = setting(
        "mail server: smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465",
        secret=True,
        default="",
    )
    mail_from: str = setting("the address that emails come from", default="")
    sms_gateway_url: str = setting("where text messages are posted", default="")
    sms_gateway_token: str = setting("bearer token for it", secret=True, default="")
    whatsapp_gateway_url: str = setting("where WhatsApp messages are posted", default="")
    whatsapp_gateway_token: str = setting("bearer token for it", secret=True, default="")

    def __post_init__(self) -> None:
        """Raises ConfigError for an address that nothing could be sent to."""
        _check_url("SMTP_URL", self.smtp_url, _MAIL)
        _check_url("SMS_GATEWAY_URL", self.sms_gateway_url, _WEB)
        _check_url("WHATSAPP_GATEWAY_URL", self.whatsapp_gateway_url, _WEB)
        if self.smtp_url and "@" not in self.mail_from:
            raise ConfigError("MAIL_FROM must be an email address where SMTP_URL is set")


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if url and not good:
        raise ConfigError(f"{name} must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
