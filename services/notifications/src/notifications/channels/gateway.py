"""Text messages and WhatsApp by an HTTP gateway that takes a JSON message under an idempotency key."""

import urllib3
from urllib3.exceptions import HTTPError

from notifications.channels.failure import NotSent
from notifications.domain import REJECTED, UNREACHABLE, Outgoing

#: Refusals that say nothing of the message: our credentials, our pace, the same key still being worked on.
_PASSING = frozenset({401, 403, 407, 408, 409, 425, 429})


class Gateway:
    """Posts `{to, body, language}`. The key is the message's id, so that a repeated post is delivered once."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=3, read=10), retries=False, maxsize=8, block=False
        )

    def __call__(self, message: Outgoing) -> str:
        """Deliver. Returns the gateway's `id` for it, if it gave one. Raises NotSent."""
        try:
            response = self.http.request(
                "POST",
                self.url,
                json={"to": message.recipient, "body": message.body, "language": message.language},
                headers={**self.headers, "Idempotency-Key": str(message.id)},
            )
        except HTTPError:
            raise NotSent("no-answer", UNREACHABLE, again=True) from None
        if response.status >= 500 or response.status in _PASSING:
            raise NotSent(f"http-{response.status}", UNREACHABLE, again=True)
        if not 200 <= response.status < 300:
            raise NotSent(f"http-{response.status}", REJECTED, again=False)
        return _reference(response)


def _reference(response: urllib3.BaseHTTPResponse) -> str:
    try:
        answer = response.json()
    except ValueError:
        return ""
    reference = answer.get("id") if isinstance(answer, dict) else None
    return str(reference)[:200] if reference else ""
