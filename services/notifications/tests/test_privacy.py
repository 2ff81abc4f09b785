"""No contact, name or text leaves the tables and the messages themselves (promise P9)."""

import json
import smtplib
from datetime import timedelta

import pytest
import urllib3
from sqlalchemy import text
from structlog.testing import CapturingLogger

from jalsa.service import clock
from notifications import jobs, texts
from notifications.channels.failure import NotSent

from .factories import EMAIL_ADDRESS, PHONE, Outside, World, at

SECRETS = (PHONE, EMAIL_ADDRESS, "Sara", "سارة", "Nasser", "موعدك", "العلاج الوظيفي", "Occupational therapy")


def assert_nothing_in(written: str) -> None:
    assert [secret for secret in SECRETS if secret in written] == []


def written(log: CapturingLogger) -> str:
    return "\n".join(str(call) for call in log.calls)


def test_the_log_and_the_events_of_a_booking_name_no_contact_and_no_text(
    world: World, outside: Outside, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_phone, by_mail, nowhere = world.patient(), world.patient(phone=None), world.patient(phone=None, email=None)
    made = [world.book(patient_id) for patient_id in (by_phone, by_mail, nowhere)]
    outside.failures = [NotSent("http-503", "unreachable", again=True), NotSent("smtp-550", "rejected", again=False)]
    world.dispatch()

    def fail(_: str, __: str, facts: texts.Facts) -> tuple[str, str]:
        raise ValueError(facts.name_en, PHONE)

    with monkeypatch.context() as broken:
        broken.setattr(texts, "message", fail)
        world.cancel(made[0])
        world.dispatch()
    with at(clock.now() + timedelta(days=2, hours=1)):
        world.dispatch()
    for booking in made:
        world.messages(booking)
        world.reminders(booking)
    log_lines = written(log)
    for expected in ("message-sent", "message-not-sent", "message-failed", "due-work-failed", "request"):
        assert f'"event": "{expected}"' in log_lines
    assert_nothing_in(log_lines)
    published = json.dumps([e.attributes() for e in world.kit.events(world.tenant)], ensure_ascii=False)
    assert "MessageSent" in published
    assert "MessageFailed" in published
    assert_nothing_in(published)


def test_what_a_library_says_of_a_refusal_is_not_logged(
    world: World, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: smtplib.SMTP, *_: object, **__: object) -> None:
        raise smtplib.SMTPRecipientsRefused({EMAIL_ADDRESS: (550, f"no such user {EMAIL_ADDRESS}".encode())})

    def fail(self: urllib3.PoolManager, *_: object, **__: object) -> None:
        raise urllib3.exceptions.ProtocolError(f"could not send to {PHONE}")

    monkeypatch.setattr(smtplib.SMTP, "connect", lambda *_: (220, b""))
    monkeypatch.setattr(smtplib.SMTP, "send_message", refuse)
    monkeypatch.setattr(smtplib.SMTP, "quit", lambda *_: None)
    monkeypatch.setattr(urllib3.PoolManager, "request", fail)
    world.configure(
        smtp_url="smtps://mail.example", mail_from="a@b.example", whatsapp_gateway_url="https://gateway.example"
    )
    mailed, called = world.book(world.patient(phone=None)), world.book(world.patient())
    world.dispatch()
    assert world.confirmation(mailed)["reason"] == "rejected"
    assert world.confirmation(called)["status"] == "QUEUED"
    assert "smtp-550" in written(log)
    assert_nothing_in(written(log))


def test_a_fault_while_sending_is_logged_without_what_was_sent(
    world: World, outside: Outside, log: CapturingLogger
) -> None:
    world.book(world.patient())
    outside.failures = [RuntimeError(f"while sending to {PHONE}")]
    jobs.send(world.tools)
    assert "RuntimeError" in written(log)
    assert_nothing_in(written(log))


def test_no_name_of_a_patient_is_kept(world: World) -> None:
    patient_id = world.patient()
    world.book(patient_id)
    world.dispatch()
    with world.kit.transaction(world.tenant) as db:
        for table in ("patients", "appointments", "messages", "reminders", "notices", "inbox", "audit_log"):
            rows = " ".join(str(row) for row in db.execute(text(f"SELECT t::text FROM {table} t")))
            assert "Sara" not in rows
            assert "سارة" not in rows
