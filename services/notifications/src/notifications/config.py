"""The settings of notifications, beside those of every service."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from jalsa.service.config import Config, ConfigError, setting

_MAIL = ("smtp", "smtp+starttls", "smtps")
_WEB = ("https", "http")
#: What a message says of a patient, and a gateway's token, would be read by everybody on the way.
_IN_THE_CLEAR = frozenset({"smtp", "http"})


@dataclass(frozen=True, kw_only=True)
class NotificationsConfig(Config):
    """Where messages go out. With no URL at all, messages are only recorded and leave nowhere."""

    smtp_url: str = setting(
        "mail server: smtp+starttls://user:password@host:587, smtps://user:password@host:465, or smtp://localhost:25",
        secret=True,
        default="",
    )
    mail_from: str = setting("the address that emails come from", default="")
    sms_gateway_url: str = setting("where text messages are posted", default="")
    sms_gateway_token: str = setting("bearer token for it", secret=True, default="")
    whatsapp_gateway_url: str = setting("where WhatsApp messages are posted", default="")
    whatsapp_gateway_token: str = setting("bearer token for it", secret=True, default="")

    def __post_init__(self) -> None:
        """Raises ConfigError for an address that nothing could be sent to, or only for everybody on the way to read."""
        _check_url("SMTP_URL", self.smtp_url, _MAIL)
        _check_url("SMS_GATEWAY_URL", self.sms_gateway_url, _WEB)
        _check_url("WHATSAPP_GATEWAY_URL", self.whatsapp_gateway_url, _WEB)
        if self.smtp_url and "@" not in self.mail_from:
            raise ConfigError("MAIL_FROM must be an email address where SMTP_URL is set")


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{name} must be a URL that begins with {_begins(schemes)}")
    if parts.scheme in _IN_THE_CLEAR and not _is_loopback(parts.hostname or ""):
        with_tls = _begins(tuple(scheme for scheme in schemes if scheme not in _IN_THE_CLEAR))
        raise ConfigError(f"{name} must begin with {with_tls}: without TLS only this machine itself is allowed")


def _begins(schemes: tuple[str, ...]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
