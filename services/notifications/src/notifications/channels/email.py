"""Email by SMTP, one message a connection."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from notifications.channels.failure import NotSent
from notifications.domain import OUTCOME_UNKNOWN, REJECTED, UNREACHABLE, Outgoing

_TIMEOUT = 10.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Mailer:
    """Sends by one mail server. TLS, where the URL asks for it, is verified."""

    def __init__(self, url: str, mail_from: str) -> None:
        self.url = urlsplit(url)
        self.mail_from = mail_from

    def __call__(self, message: Outgoing) -> str:
        """Deliver. Returns the Message-ID, which is the same at every attempt. Raises NotSent."""
        mail = self._mail(message)
        with _unreachable():
            client = self._connect()
        try:
            with _unreachable():
                self._introduce(client)
            _hand_over(client, mail, message.recipient)
        finally:
            with suppress(OSError):  # it is delivered or not, whatever the goodbye is like
                client.quit()
            client.close()
        return str(mail["Message-ID"])

    def _mail(self, message: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        try:
            mail["To"] = Address(addr_spec=message.recipient)
        except (ValueError, IndexError, MessageError):
            raise NotSent("bad-address", REJECTED, again=False) from None
        mail["From"] = self.mail_from
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{message.id}@{self.mail_from.rpartition('@')[2].strip('> ')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        mail["Content-Language"] = message.language  # after the content, which replaces every header of its own
        return mail

    def _connect(self) -> "_Client":
        host, port = self.url.hostname or "", self.url.port or _PORTS[self.url.scheme]
        if self.url.scheme == "smtps":
            return _TlsClient(host, port, timeout=_TIMEOUT, context=ssl.create_default_context())
        return _Client(host, port, timeout=_TIMEOUT)

    def _introduce(self, client: "_Client") -> None:
        if self.url.scheme == "smtp+starttls":
            client.starttls(context=ssl.create_default_context())
        if self.url.username:
            client.login(unquote(self.url.username), unquote(self.url.password or ""))


class _Client(smtplib.SMTP):
    """Remembers whether it has begun to hand over the text."""

    handing_over = False

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]
        self.handing_over = True
        return super().data(msg)


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


@contextmanager
def _unreachable() -> Iterator[None]:
    """What fails before a mail is offered says nothing of the mail. (Every error of smtplib is an OSError.)"""
    try:
        yield
    except OSError as error:
        code = getattr(error, "smtp_code", None)
        raise NotSent(f"smtp-{code}" if code else "no-connection", UNREACHABLE, again=True) from None


def _hand_over(client: _Client, mail: EmailMessage, recipient: str) -> None:
    try:
        client.send_message(mail, to_addrs=[recipient])
    except smtplib.SMTPRecipientsRefused as error:
        raise _refusal(next(iter(error.recipients.values()))[0]) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:  # an address that this server cannot take
        raise NotSent("unsupported", REJECTED, again=False) from None
    except OSError:
        if client.handing_over:  # the answer that was lost may have been a yes
            raise NotSent("no-answer", OUTCOME_UNKNOWN, again=False) from None
        raise NotSent("connection-lost", UNREACHABLE, again=True) from None


def _refusal(code: int) -> NotSent:
    if code >= 500:
        return NotSent(f"smtp-{code}", REJECTED, again=False)
    return NotSent(f"smtp-{code}", UNREACHABLE, again=True)
