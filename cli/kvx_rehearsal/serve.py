"""The HTTP side: starlette in front of Answering, uvicorn on a loopback port."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from kvx_rehearsal.addresses import offer
from kvx_rehearsal.answering import NO_SCENARIO, Answering, Request, Sent
from kvx_rehearsal.bill import alive
from kvx_rehearsal.catalogue import HETZNERS, made_as
from kvx_rehearsal.keeper import Keeper
from kvx_rehearsal.meter import invoice
from kvx_rehearsal.scenario import ScenarioError

EVERY_METHOD = ["GET", "POST", "PUT", "DELETE", "PATCH"]
SECONDS_FOR_OPEN_CALLS = 1


class CuttableProtocol(H11Protocol):
    """Hands the connection to the call, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def application(answering: Answering, keeper: Keeper | None, seen_as: str | None) -> Starlette:
    """`seen_as`: the address its machines see this machine by."""

    async def api(http: HttpRequest) -> Response:
        sent = answering.answer(await _request(http))
        if keeper is not None:
            keeper.look()
        await asyncio.sleep(sent.wait_seconds)
        return await _cut(http) if sent.cut else _response(sent)

    async def requests(_: HttpRequest) -> Response:
        return JSONResponse({"requests": answering.store.requests()})

    async def resources(_: HttpRequest) -> Response:
        return JSONResponse(alive(answering.store, answering.snapshot))

    async def bill(http: HttpRequest) -> Response:
        return _bill(answering, http.query_params.get("month", ""))

    async def address(http: HttpRequest) -> Response:
        """Whoever asks, as ip.hetzner.com would answer."""
        caller = seen_as or (http.client.host if http.client else "127.0.0.1")
        return Response(f"{caller}\n", media_type="text/plain")

    async def scenario(http: HttpRequest) -> Response:
        return await _scenario(answering, http)

    return Starlette(
        routes=[
            Route("/_rehearsal/address", address),
            Route("/_rehearsal/bill", bill),
            Route("/_rehearsal/requests", requests),
            Route("/_rehearsal/resources", resources),
            Route("/_rehearsal/scenario", scenario, methods=["GET", "POST"]),
            Route("/v1/{path:path}", api, methods=EVERY_METHOD),
        ],
        lifespan=lambda _: _keeping(answering, keeper),
    )


@asynccontextmanager
async def _keeping(answering: Answering, keeper: Keeper | None) -> AsyncIterator[None]:
    """Machines are looked after as long as calls are answered."""
    if keeper is None:
        yield
        return
    task = asyncio.create_task(keeper.keep(answering.wanted_machines, answering.machine_failed))
    try:
        yield
    finally:
        task.cancel()
        await keeper.settle()


async def _request(http: HttpRequest) -> Request:
    return Request(
        method=http.method,
        path=f"/{http.path_params['path']}",
        query=list(http.query_params.multi_items()),
        authorization=http.headers.get("authorization", ""),
        content=await http.body(),
    )


def _response(sent: Sent) -> Response:
    if sent.body is None:
        return Response(status_code=sent.status, headers=sent.headers)
    return JSONResponse(sent.body, sent.status, sent.headers)


async def _cut(http: HttpRequest) -> Response:
    """Ends the connection; what is returned goes nowhere."""
    http.scope["state"]["transport"].abort()
    await asyncio.sleep(0)
    return Response()


def _bill(answering: Answering, wanted: str) -> Response:
    """What was metered of a month until now."""
    year, _, month = wanted.partition("-")
    if not (year.isdigit() and month.isdigit() and 1 <= int(month) <= 12):
        return JSONResponse({"error": {"code": "invalid_input", "message": "?month=2026-11"}}, 422)
    return JSONResponse(invoice(answering.store, int(year), int(month), answering.clock()))


async def _scenario(answering: Answering, http: HttpRequest) -> Response:
    if http.method == "POST":
        try:
            answering.use((await http.body()).decode() or NO_SCENARIO)
        except (ScenarioError, UnicodeDecodeError) as error:
            return JSONResponse({"error": {"code": "invalid_input", "message": str(error)}}, 422)
    return Response(answering.store.remembered("scenario") or NO_SCENARIO, media_type="text/plain")


def _behind(answering: Answering, keeper: Keeper) -> str:
    """Puts machines behind the servers; how they see this machine. KeeperError where there can be none."""
    about = keeper.about()
    (architecture,) = about["architectures"]
    answering.snapshot = made_as(HETZNERS[architecture], answering.snapshot)
    answering.held = lambda: keeper.held(answering.wanted_machines())
    offer(answering.store, [about["public_network"]])
    return str(about["gateway"])


class AnnouncingServer(uvicorn.Server):
    """Says where it serves as soon as it does, and ends without a signal of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, which afterwards would send itself the signal again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = sockets[0].getsockname()[1] if sockets else 0
        line = {"address": f"http://127.0.0.1:{port}/v1", "pid": os.getpid()}
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()


def serve(answering: Answering, port: int, keeper: Keeper | None = None) -> None:
    """Until it is told to stop; OSError if the port is taken."""
    seen_as = None if keeper is None else _behind(answering, keeper)
    settings: dict[str, Any] = {"log_level": "error", "access_log": False, "lifespan": "on", "ws": "none"}
    config = uvicorn.Config(
        application(answering, keeper, seen_as),
        http=CuttableProtocol,
        timeout_graceful_shutdown=SECONDS_FOR_OPEN_CALLS,
        **settings,
    )
    # Only where the protocol is named does asyncio switch off Nagle's delay, 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        AnnouncingServer(config).run(sockets=[listener])
