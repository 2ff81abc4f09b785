"""Delivery to a real mail server and a real HTTP gateway, and how each of their answers counts."""

import asyncio
import json
import threading
import warnings
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from flask import Flask, request

from jalsa.dev.servers.processes import free_ports
from jalsa.dev.serving import make_certificate, server_context, serving
from jalsa.service.config import ConfigError
from jalsa.service.ids import new_id
from notifications.channels.email import Mailer
from notifications.channels.failure import NotSent
from notifications.channels.gateway import Gateway
from notifications.config import NotificationsConfig
from notifications.domain import EMAIL, OUTCOME_UNKNOWN, REJECTED, SMS, UNREACHABLE, Outgoing

from .factories import EMAIL_ADDRESS, PHONE, World

MAIL_FROM = "Jalsa <noreply@clinic.example>"


class MailServer:
    """aiosmtpd's handler. It keeps the mails, and refuses or hangs up as it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[list[str], EmailMessage]] = []
        self.answer_rcpt = "250 OK"
        self.answer_data = "250 OK"
        self.hang_up = False
        self.logins: list[bytes] = []

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.answer_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_rcpt

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
        assert isinstance(mail, EmailMessage)
        self.received.append((envelope.rcpt_tos, mail))
        if self.hang_up:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return self.answer_data

    def authenticate(self, *args: Any) -> AuthResult:
        login = args[-1]
        assert isinstance(login, LoginPassword)
        self.logins.append(login.login + b":" + login.password)
        return AuthResult(success=login.password == b"p@ss", handled=False)


@pytest.fixture
def mail_server() -> MailServer:
    return MailServer()


@pytest.fixture
def smtp(mail_server: MailServer) -> Iterator[str]:
    """The mail server's URL."""
    [port] = free_ports(1)
    controller = Controller(
        mail_server,
        hostname="127.0.0.1",
        port=port,
        authenticator=mail_server.authenticate,
        auth_require_tls=False,
        enable_SMTPUTF8=False,
    )
    controller.start()
    yield f"smtp://127.0.0.1:{port}"
    controller.stop()


class GatewayServer(ThreadingHTTPServer):
    """Keeps what is posted. Answers with the given statuses in turn, then 201."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _GatewayHandler)
        self.posted: list[tuple[dict[str, str], Any]] = []
        self.statuses: list[int] = []
        self.answer = b'{"id": "gw-1"}'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/messages"


class _GatewayHandler(BaseHTTPRequestHandler):
    server: GatewayServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        if 300 <= status < 400:
            self.send_header("Location", self.path)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are not logged."""


@pytest.fixture
def gateway() -> Iterator[GatewayServer]:
    server = GatewayServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def outgoing(**changes: Any) -> Outgoing:
    whole: dict[str, Any] = {
        "id": new_id(),
        "attempt": 1,
        "channel": EMAIL,
        "recipient": EMAIL_ADDRESS,
        "language": "ar",
        "subject": "تم حجز موعدك",
        "body": "تم حجز موعدك في العلاج الوظيفي.\nرقم الموعد: APT-1",
    }
    return Outgoing(**{**whole, **changes})


def failure(channel: Mailer | Gateway, message: Outgoing) -> tuple[str, str, bool]:
    with pytest.raises(NotSent) as caught:
        channel(message)
    return caught.value.outcome, caught.value.reason, caught.value.again


def test_an_email_in_arabic_arrives_as_it_was_written(smtp: str, mail_server: MailServer) -> None:
    message = outgoing()
    reference = Mailer(smtp, MAIL_FROM)(message)
    [(recipients, mail)] = mail_server.received
    assert recipients == [EMAIL_ADDRESS]
    assert (mail["To"], mail["From"], mail["Subject"]) == (EMAIL_ADDRESS, MAIL_FROM, "تم حجز موعدك")
    assert mail.get_content().splitlines() == message.body.splitlines()
    assert mail["Content-Language"] == "ar"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == reference == f"<{message.id}@clinic.example>"


def test_the_same_message_has_the_same_message_id_at_every_attempt(smtp: str, mail_server: MailServer) -> None:
    message = outgoing()
    references = {Mailer(smtp, MAIL_FROM)(message) for _ in range(2)}
    assert len(mail_server.received) == 2
    assert len(references) == 1


def test_user_and_password_of_the_url_are_used(smtp: str, mail_server: MailServer) -> None:
    Mailer(smtp.replace("smtp://", "smtp://jalsa:p%40ss@"), MAIL_FROM)(outgoing())
    assert mail_server.logins == [b"jalsa:p@ss"]
    assert len(mail_server.received) == 1


def test_a_refused_login_is_ours_to_mend_so_the_message_waits(smtp: str, mail_server: MailServer) -> None:
    wrong = Mailer(smtp.replace("smtp://", "smtp://jalsa:wrong@"), MAIL_FROM)
    assert failure(wrong, outgoing()) == ("smtp-535", UNREACHABLE, True)
    assert mail_server.received == []


def test_starttls_that_the_server_does_not_offer_sends_nothing_in_the_clear(smtp: str, mail_server: MailServer) -> None:
    mailer = Mailer(smtp.replace("smtp://", "smtp+starttls://jalsa:p%40ss@"), MAIL_FROM)
    assert failure(mailer, outgoing()) == ("no-connection", UNREACHABLE, True)
    assert (mail_server.logins, mail_server.received) == ([], [])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture(params=["smtps", "smtp+starttls"])
def tls(request: pytest.FixtureRequest, mail_server: MailServer, certificate: Path) -> Iterator[str]:
    """The URL of the mail server, which speaks TLS from the first byte, or demands that it be started."""
    context, [port] = server_context(certificate), free_ports(1)
    ways: dict[str, Any] = {
        "smtps": {"ssl_context": context, "auth_require_tls": False},
        "smtp+starttls": {"tls_context": context, "require_starttls": True},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # aiosmtpd warns of settings that are fine for tests
        controller = Controller(
            mail_server,
            hostname="127.0.0.1",
            port=port,
            authenticator=mail_server.authenticate,
            **ways[request.param],
        )
        controller.start()
    yield f"{request.param}://jalsa:p%40ss@127.0.0.1:{port}"
    controller.stop()


def test_tls_with_a_trusted_server_carries_login_and_mail(
    tls: str, mail_server: MailServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    Mailer(tls, MAIL_FROM)(outgoing())
    assert mail_server.logins == [b"jalsa:p@ss"]
    assert len(mail_server.received) == 1


def test_tls_with_an_untrusted_server_carries_nothing(tls: str, mail_server: MailServer) -> None:
    assert failure(Mailer(tls, MAIL_FROM), outgoing()) == ("no-connection", UNREACHABLE, True)
    assert (mail_server.logins, mail_server.received) == ([], [])


def test_an_address_that_the_server_can_not_take_is_refused(smtp: str, mail_server: MailServer) -> None:
    assert failure(Mailer(smtp, MAIL_FROM), outgoing(recipient="sara@عيادة.example")) == (
        "unsupported",
        REJECTED,
        False,
    )
    assert mail_server.received == []


@pytest.mark.parametrize(
    ("rcpt", "data", "expected"),
    [
        ("550 no such user", "250 OK", ("smtp-550", REJECTED, False)),
        ("450 try later", "250 OK", ("smtp-450", UNREACHABLE, True)),
        ("250 OK", "554 no", ("smtp-554", REJECTED, False)),
        ("250 OK", "451 later", ("smtp-451", UNREACHABLE, True)),
    ],
)
def test_a_mail_servers_4xx_passes_and_its_5xx_is_final(
    smtp: str, mail_server: MailServer, rcpt: str, data: str, expected: tuple[str, str, bool]
) -> None:
    mail_server.answer_rcpt, mail_server.answer_data = rcpt, data
    assert failure(Mailer(smtp, MAIL_FROM), outgoing()) == expected


def test_a_connection_lost_after_the_text_leaves_the_outcome_unknown(smtp: str, mail_server: MailServer) -> None:
    mail_server.hang_up = True
    assert failure(Mailer(smtp, MAIL_FROM), outgoing()) == ("no-answer", OUTCOME_UNKNOWN, False)
    assert len(mail_server.received) == 1


def test_a_mail_server_that_is_away_is_tried_again() -> None:
    mailer = Mailer("smtp://127.0.0.1:1", MAIL_FROM)
    assert failure(mailer, outgoing()) == ("no-connection", UNREACHABLE, True)


@pytest.mark.parametrize("address", ["", "nobody", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"])
def test_what_is_not_one_address_is_refused_before_any_connection(address: str) -> None:
    mailer = Mailer("smtp://127.0.0.1:1", MAIL_FROM)
    assert failure(mailer, outgoing(recipient=address)) == ("bad-address", REJECTED, False)


def test_a_gateway_gets_the_message_under_its_key_with_the_token(gateway: GatewayServer) -> None:
    message = outgoing(channel=SMS, recipient=PHONE)
    assert Gateway(gateway.url, "s3cret")(message) == "gw-1"
    [(headers, body)] = gateway.posted
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == str(message.id)
    assert body == {"to": PHONE, "body": message.body, "language": "ar"}


@pytest.mark.parametrize("answer", [b"", b"queued", b"[1]", b"\xff", b'{"id": null}'])
def test_a_gateway_that_gives_no_reference_has_taken_the_message_all_the_same(
    gateway: GatewayServer, answer: bytes
) -> None:
    gateway.answer = answer
    assert Gateway(gateway.url, "")(outgoing()) == ""


@pytest.mark.parametrize("status", [400, 404, 410, 422, 301])
def test_a_gateways_refusal_is_final(gateway: GatewayServer, status: int) -> None:
    gateway.statuses = [status]
    assert failure(Gateway(gateway.url, ""), outgoing()) == (f"http-{status}", REJECTED, False)
    assert len(gateway.posted) == 1


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 503])
def test_what_says_nothing_of_the_message_passes(gateway: GatewayServer, status: int) -> None:
    gateway.statuses = [status]
    assert failure(Gateway(gateway.url, ""), outgoing()) == (f"http-{status}", UNREACHABLE, True)


def test_a_gateway_whose_certificate_nobody_vouches_for_gets_neither_message_nor_token(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, posted = Flask("gateway"), list[Any]()

    def take() -> dict[str, str]:
        posted.append(request.get_json())
        return {"id": "gw-1"}

    app.add_url_rule("/", view_func=take, methods=["POST"])
    with serving(app, certificate) as address:
        assert failure(Gateway(address, "s3cret"), outgoing()) == ("no-answer", UNREACHABLE, True)
        assert not posted
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert Gateway(address, "s3cret")(outgoing()) == "gw-1"


def test_a_gateway_that_is_away_is_tried_again() -> None:
    assert failure(Gateway("http://127.0.0.1:1", ""), outgoing()) == ("no-answer", UNREACHABLE, True)


def test_a_booking_leaves_by_the_configured_channels_and_none_is_called_sent_that_could_not_leave(
    world: World, smtp: str, mail_server: MailServer, gateway: GatewayServer
) -> None:
    world.configure(smtp_url=smtp, mail_from=MAIL_FROM, sms_gateway_url=gateway.url)
    by_mail, by_text, by_whatsapp = world.patient(phone=None), world.patient(), world.patient()
    world.prefer(by_text, whatsapp_enabled=False)
    made = [world.book(patient_id) for patient_id in (by_mail, by_text, by_whatsapp)]
    world.dispatch()
    assert [mail["Subject"] for _, mail in mail_server.received] == ["تم حجز موعدك"]
    assert [body["to"] for _, body in gateway.posted] == [PHONE]
    shown = [world.confirmation(booking) for booking in made]
    assert [m["status"] for m in shown] == ["SENT", "SENT", "FAILED"]
    assert [m["reference"] for m in shown] == [f"<{shown[0]['id']}@clinic.example>", "gw-1", None]
    assert shown[2]["reason"] == "not-configured"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"SMTP_URL": "mail.example:25", "MAIL_FROM": "a@b.example"}, "SMTP_URL must be a URL"),
        ({"SMTP_URL": "smtp://mail.example:port", "MAIL_FROM": "a@b.example"}, "SMTP_URL must be a URL"),
        ({"SMTP_URL": "smtps://mail.example"}, "MAIL_FROM must be an email address"),
        ({"SMTP_URL": "smtp://mail.example:25", "MAIL_FROM": "a@b.example"}, "SMTP_URL must begin with smtp.starttls"),
        ({"SMTP_URL": "smtp://127.0.0.1.mail.example", "MAIL_FROM": "a@b.example"}, "without TLS only this machine"),
        ({"SMS_GATEWAY_URL": "http://sms.example"}, "SMS_GATEWAY_URL must begin with https://"),
        ({"WHATSAPP_GATEWAY_URL": "http://10.0.0.5/"}, "WHATSAPP_GATEWAY_URL must begin with https://"),
        ({"SMS_GATEWAY_URL": "ftp://sms.example"}, "SMS_GATEWAY_URL must be a URL"),
        ({"WHATSAPP_GATEWAY_URL": "https://"}, "WHATSAPP_GATEWAY_URL must be a URL"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_clear_line(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        NotificationsConfig.from_env(settings)


def test_empty_settings_are_none() -> None:
    config = NotificationsConfig.from_env({"SMTP_URL": "", "SMS_GATEWAY_URL": ""})
    assert (config.smtp_url, config.sms_gateway_url) == ("", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_without_tls_a_server_on_the_same_machine_is_accepted(host: str) -> None:
    settings = {"SMTP_URL": f"smtp://{host}:25", "MAIL_FROM": "a@b.example", "SMS_GATEWAY_URL": f"http://{host}/"}
    assert NotificationsConfig.from_env(settings).sms_gateway_url == f"http://{host}/"
