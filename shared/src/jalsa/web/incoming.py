"""A request on its way in: what has come of it, and whether it is whole.

The server's loop collects it without a thread, so that a client that sends slowly, or nothing more, holds none.
"""

import re

#: The longest head that is collected; gunicorn refuses a longer one, and shorter ones by its own limits.
MAX_HEAD_BYTES = 1 << 20
#: The longest line that gives a chunk's size, and what may come behind the last one.
_MAX_CHUNK_LINE, _MAX_TRAILER = 4096, 8192

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"[0-9a-fA-F]+")
_MANY_DIGITS = 15


class Incoming:
    """The bytes of one request, and perhaps of what was sent behind it.

    What was looked at is not looked at again, however small the pieces are that come.
    """

    def __init__(self, max_body: int) -> None:
        self.data = bytearray()
        #: How many bytes have come.
        self.received = 0
        #: Whether it can be read to its end, or to where it is broken, without waiting for the client.
        self.whole = False
        #: Whether its body is longer than `max_body`, as announced or as it came.
        self.too_long = False
        #: Whether its body cannot be read any further: the line before a chunk has no end.
        self.broken = False
        #: Whether the client waits to be told to send the body.
        self.expects = False
        self._max_body = max_body
        self._body_at = 0  # 0 before the head has ended
        self._seen = 0  # up to here all is known
        self._ends_at: int | None = None  # where the body does; None where the head does not say

    def add(self, piece: bytes) -> None:
        """Take in what has come."""
        self.data += piece
        self.received += len(piece)
        if not self._body_at:
            self._look_for_body()
        if self._body_at and not (self.whole or self.too_long or self.broken):
            self.whole = self._chunks_end() if self._ends_at is None else len(self.data) >= self._ends_at

    def _look_for_body(self) -> None:
        while self.data.startswith(b"\r\n"):  # blank lines before a request are nothing
            del self.data[:2]
            self._seen = 0
        end = self.data.find(_END, max(0, self._seen - len(_END) + 1))
        self._seen = len(self.data)
        if end < 0:
            self.whole = len(self.data) > MAX_HEAD_BYTES
            return
        self._body_at = self._seen = end + len(_END)
        head = bytes(self.data[: self._body_at])
        if not _CHUNKED.search(head):
            found = _LENGTH.search(head)
            self._ends_at = self._body_at + (self._bounded(int(found[1][:_MANY_DIGITS])) if found else 0)
        self.expects = self._ends_at != self._body_at and bool(_EXPECTS.search(head))

    def _bounded(self, size: int) -> int:
        self.too_long = self.too_long or size > self._max_body
        return size

    def _chunks_end(self) -> bool:
        """Step from chunk to chunk; where a size cannot be read, the body ends, too."""
        while not self.too_long:
            line_ends = self.data.find(b"\r\n", self._seen, self._seen + _MAX_CHUNK_LINE)
            if line_ends < 0:
                self.broken = len(self.data) - self._seen > _MAX_CHUNK_LINE
                return False
            digits = bytes(self.data[self._seen : line_ends]).partition(b";")[0].strip()
            if not _SIZE.fullmatch(digits):
                return True
            size = self._bounded(int(digits[:_MANY_DIGITS], 16))
            if not size:
                return self._trailer_ends(line_ends)
            after = line_ends + 2 + size + 2
            if len(self.data) < after:
                return False
            self._seen = after
            self._bounded(after - self._body_at)
        return False

    def _trailer_ends(self, line_ends: int) -> bool:
        """Whether the blank line has come that ends the last chunk, at once or behind trailers."""
        self.too_long = len(self.data) - line_ends > _MAX_TRAILER
        return self.data.find(_END, line_ends) >= 0
