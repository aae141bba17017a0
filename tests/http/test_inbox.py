"""While what a client said is heard, it is read on: its pongs are seen, and what it sends is kept."""

import asyncio
from contextlib import closing
from typing import Any

from talker import HEARD, Talker, spoken

from voice_api.http.inbox import MOST_BYTES, Inbox, Message

SENTENCE = "how many pods are running"
WAIT_SECONDS = 60


def test_who_speaks_on_meanwhile_is_still_there(start: Any, scripted: Any, engines: Any) -> None:
    listener = scripted(says=SENTENCE)
    with closing(Talker(start(listener=listener).url)) as talker:
        listener.listening.clear()
        listener.may_answer.clear()
        talker.append(spoken(engines, SENTENCE))
        assert listener.listening.wait(WAIT_SECONDS)
        talker.append(spoken(engines, SENTENCE))
        assert talker.socket.ping().wait(WAIT_SECONDS), "whoever hears no pong ends the session"
        listener.may_answer.set()
        for _ in range(2):
            assert talker.until(HEARD)[-1]["transcript"] == SENTENCE


def test_what_is_not_taken_is_bounded() -> None:
    one = "x" * (MOST_BYTES // 4)
    ends: Message = {"type": "websocket.disconnect", "code": 1000}
    messages: list[Message] = [*({"type": "websocket.receive", "text": one} for _ in range(12)), ends]
    read: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        read.append(messages[len(read)])
        return read[-1]

    async def session() -> list[Message]:
        inbox = Inbox(receive)
        filling = asyncio.create_task(inbox.fill())
        while len(read) < 4:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(read) == 4, "then it reads no more"
        taken = [await inbox.next() for _ in messages]
        await filling
        return taken

    assert asyncio.run(session()) == messages
