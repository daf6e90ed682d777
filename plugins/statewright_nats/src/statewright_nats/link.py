"""The connection to the cluster. What the client raises is put into three words here, and nowhere else.

`NotSent`: the cluster cannot have got it. `Unanswered`: it may have. `Rejected`: it has, and would not.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from statewright.stores.words import StoreRefused, StoreUnavailable

ANSWER_S = 5.0
"""How long an answer may take before it counts as lost, in seconds."""
_CONNECT_S = 10.0
_PAGE = 1_000
_PAGE_BYTES = 8_000_000
_SMALLEST_PAYLOAD = 640 * 1024
_log = logging.getLogger("statewright.nats")


class NotSent(Exception):
    """The cluster cannot have got it: no connection, or nobody there who takes it."""


class Unanswered(Exception):
    """It was sent, and no answer came: the cluster may have carried it out, or may yet."""


class Rejected(Exception):
    """JetStream would not do it; `code` is its number for the reason."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


class Link:
    """A connection that finds another server by itself when it loses one. For one event loop; made by `connect`."""

    def __init__(self) -> None:
        self._client = Client()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_return: list[Callable[[], None]] = []
        self._holders = 1
        self._inbox = self._client.new_inbox()
        self._answers: dict[str, asyncio.Future[Msg]] = {}
        self._numbers = itertools.count(1)

    @classmethod
    async def connect(cls, servers: tuple[str, ...]) -> Link:
        """Raises StoreUnavailable when no server answers, StoreRefused when one does not let us in."""
        link = cls()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await link._client.connect(
                    servers=list(servers),
                    name="statewright",
                    no_echo=True,
                    skip_subject_validation=True,  # they are made by `naming`, whose tests validate them
                    # Nothing waits for the connection to come back: it would be sent when nobody expects it any more.
                    pending_size=0,
                    connect_timeout=2,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is slept, so a fraction will do
                    max_reconnect_attempts=-1,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    error_cb=_note,
                    disconnected_cb=link._disconnected,
                    reconnected_cb=link._reconnected,
                )
        except (nats.errors.AuthorizationError, nats.errors.InvalidUserCredentialsError) as error:
            raise StoreRefused(f"NATS does not let us in ({error}); see to the user and password in the URL") from error
        except (OSError, TimeoutError, nats.errors.Error) as error:
            with contextlib.suppress(Exception):
                await link._client.close()
            if "uthorization" in str(error):
                raise StoreRefused(
                    f"NATS does not let us in ({error}); see to the user and password in the URL"
                ) from error
            raise StoreUnavailable(f"no server of the NATS cluster can be reached: {error or 'no answer'}") from error
        if link._client.max_payload < _SMALLEST_PAYLOAD:
            await link.close()
            raise StoreRefused(f"the servers take messages of {link._client.max_payload} bytes; set max_payload: 1MB")
        await link._client.subscribe(f"{link._inbox}.*", cb=link._answer)
        return link

    async def _answer(self, message: Msg) -> None:
        waiting = self._answers.get(message.subject)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _disconnected(self) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(Unanswered("the connection was lost before an answer came"))

    async def _reconnected(self) -> None:
        self._lost = asyncio.get_running_loop().create_future()
        for call in self._on_return:
            call()

    def on_return(self, call: Callable[[], None]) -> None:
        """Have `call` called whenever the connection is back."""
        self._on_return.append(call)

    @property
    def version(self) -> str:
        """Of the server that we are connected to."""
        found = self._client.connected_server_version
        return f"{found.major}.{found.minor}.{found.patch}"

    async def say(self, subject: str, payload: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send without an answer. Raises NotSent."""
        with _translated():
            await self._client.publish(subject, payload, headers=dict(headers) if headers else None)

    async def say_all(self, messages: Iterable[tuple[str, bytes, dict[str, str]]]) -> None:
        """Send many, each a subject, a payload and headers, without an answer. Raises NotSent."""
        publish = self._client.publish
        with _translated():
            for subject, payload, headers in messages:
                await publish(subject, payload, headers=headers)

    async def ask(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, timeout_s: float = ANSWER_S
    ) -> dict[str, Any]:
        """JetStream's answer. Raises NotSent, Unanswered, Rejected."""
        reply = f"{self._inbox}.{next(self._numbers):x}"
        answered = self._answers[reply] = asyncio.get_running_loop().create_future()
        try:
            with _translated():
                await self._client.publish(subject, payload, reply, dict(headers) if headers else None)
            async with asyncio.timeout(timeout_s):
                message = await answered
        except TimeoutError as error:
            raise Unanswered("no answer came in time") from error
        finally:
            del self._answers[reply]
        if (message.headers or {}).get("Status") == "503":
            raise NotSent("nobody in the cluster takes it just now; a stream without a leader takes nothing")
        answer: dict[str, Any] = json.loads(message.data)
        fault = answer.get("error")
        if fault is not None:
            raise Rejected(int(fault.get("err_code", 0)), str(fault.get("description", fault)))
        return answer

    async def api(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer of JetStream's API. Raises NotSent, Unanswered, Rejected."""
        return await self.ask(f"$JS.API.{subject}", b"" if body is None else json.dumps(body).encode())

    async def lines(self, stream: str, first: int) -> list[bytes]:
        """What a stream holds from a position on, a page of it; empty where nothing stands there yet.

        Any replica answers, perhaps one that is a little behind. Raises NotSent, Unanswered.
        """
        body = {"seq": first, "batch": _PAGE, "max_bytes": _PAGE_BYTES, "no_hdr": True}
        messages = await self._stretch(f"$JS.API.DIRECT.GET.{stream}", json.dumps(body).encode())
        last = messages.pop()
        found = [message.data for message in messages]
        # The messages come without their numbers, since nothing is ever deleted: they follow each other from `first`.
        if found and int((last.headers or {}).get("Nats-Last-Sequence", 0)) != first + len(found) - 1:
            raise Unanswered("messages were lost on their way")
        return found

    async def _stretch(self, subject: str, payload: bytes) -> list[Msg]:
        """The messages that answer one request, up to and with the one that has a status."""
        found: list[Msg] = []
        ended = asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            found.append(message)
            if message.headers and "Status" in message.headers and not ended.done():
                ended.set_result(None)

        with _translated():
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox, cb=take)
            try:
                await self._client.publish(subject, payload, reply=inbox)
                await asyncio.wait((ended, self._lost), timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
                if not ended.done():
                    raise Unanswered("the messages asked for did not come")
            finally:
                with contextlib.suppress(nats.errors.Error):
                    await subscription.unsubscribe()
        return found

    async def gather(self, subject: str, payload: bytes, wait_s: float, enough: int = 1_000) -> list[dict[str, Any]]:
        """All answers to one request that come within `wait_s` seconds, or the first so many."""
        found: list[dict[str, Any]] = []
        done = asyncio.Event()

        async def take(message: Msg) -> None:
            if message.data:
                found.append(json.loads(message.data))
            if len(found) >= enough:
                done.set()

        with _translated():
            inbox = self._client.new_inbox()
            subscription = await self._client.subscribe(inbox, cb=take)
            await self._client.publish(subject, payload, reply=inbox)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await done.wait()
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()
        return found

    async def hear(self, subject: str, call: Callable[[], None]) -> None:
        """Have `call` called whenever somebody says something there."""

        async def take(_message: Msg) -> None:
            call()

        with _translated():
            await self._client.subscribe(subject, cb=take)

    def hold(self) -> Link:
        """This connection for one more holder, who closes it in his turn."""
        self._holders += 1
        return self

    async def close(self) -> None:
        """Let go of the connection; it ends with its last holder."""
        self._holders -= 1
        if self._holders > 0:
            return
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._client.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except nats.errors.TimeoutError as error:
        raise Unanswered("no answer came in time") from error
    except (
        nats.errors.OutboundBufferLimitError,
        nats.errors.ConnectionClosedError,
        nats.errors.ConnectionDrainingError,
        nats.errors.ConnectionReconnectingError,
    ) as error:
        raise NotSent("there is no connection to the NATS cluster just now") from error
    except (nats.errors.Error, OSError) as error:
        raise Unanswered(f"the connection to NATS failed: {error}") from error


async def _note(error: Exception) -> None:
    _log.info("nats: %s", error)
