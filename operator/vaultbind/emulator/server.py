"""The HTTPS front: one handler for all paths, straight on aiohttp's low-level server."""

import asyncio
import logging
import re
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final

from aiohttp import web

from vaultbind.emulator.config import EmulatorConfig, check_config
from vaultbind.emulator.control import PREFIX, handle_control
from vaultbind.emulator.control_events import VALIDATE
from vaultbind.emulator.event_broker import EventBroker
from vaultbind.emulator.event_delivery import EventDelivery
from vaultbind.emulator.event_pull import EventPull
from vaultbind.emulator.exchange import BodyError, read_body, respond, send_reply
from vaultbind.emulator.gate import guard_token, refuse_control, sealing_key, unseal
from vaultbind.emulator.identity import IdentityAnswer, IdentityEndpoints
from vaultbind.emulator.page import answer_page
from vaultbind.emulator.seed import parse_seed
from vaultbind.emulator.seeding import apply_seed
from vaultbind.emulator.storage import StateFile, StorageError
from vaultbind.emulator.tls import Authority, load_authority, server_context
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse, Ending, Estate, EstateConfig, FaultBook
from vaultbind.keyvault.simulation.access_log import AccessLog, AccessLogEntry
from vaultbind.keyvault.simulation.api.messages import DEFAULT_VAULT, render, render_problem
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.estate import Reply
from vaultbind.keyvault.simulation.faults import Target
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.tokens import SIMULATION, check_strictly

HOST: Final = re.compile(r"[0-9A-Za-z._:\[\]-]{0,300}")
"""What a Host header may be: it becomes the name of a vault, in the log and in the state file."""
KEEP_ALIVE_SECONDS: Final = 300.0
LOGGER: Final = logging.getLogger(__name__)
NOWHERE: Final = logging.Logger("nowhere")  # noqa: LOG001 - beside the tree of loggers, so that nobody hears it
"""What aiohttp says about broken requests quotes them."""
NOWHERE.addHandler(logging.NullHandler())
SHUTDOWN_SECONDS: Final = 0.5
VAULT_BODY_BYTES: Final = 16 * 2**20
"""A backup of 500 versions is the largest that the service takes."""
CONTROL_BODY_BYTES: Final = 1024 * 2**20
"""A snapshot."""


class Emulator:
    """A running emulator; made by `start`."""

    def __init__(self, config: EmulatorConfig, authority: Authority) -> None:
        """Hold what is known before it listens."""
        self._config = config
        self._authority = authority
        self._port = 0
        self._identity = IdentityEndpoints(
            config.clients,
            config.identity_header,
            config.tenant,
            config.token_lifetime,
            identities=config.identities,
            key=sealing_key(config.token) if config.token else SIMULATION,
        )
        self.estate = Estate(
            EstateConfig(
                settings=config.settings,
                page_sizes=config.page_sizes,
                check_token=check_strictly,
                clock=config.clock,
                on_first_use=config.on_first_use,
                make_rsa=config.make_rsa,
            )
        )
        self._state: StateFile | None = None
        self.events = EventBroker(self.estate)
        self.events.base = self._vault_base
        self.events.issue_token = self._event_token
        self._pull = EventPull(self.events, config.token)

    @asynccontextmanager
    async def _filled(self) -> AsyncIterator[None]:
        """Hold what state file, flags and seed say; the seed is for vaults that the file does not know."""
        self._state = StateFile(self._config.state, self.estate) if self._config.state else None
        try:
            known = frozenset(self.estate.vaults)
            knows_access = self._state is not None and self._state.knows_access
            for name in self._config.vaults:
                self.estate.vault(name.lower())
            if self._config.seed:
                seed = parse_seed(self._config.seed, self._config.clock())
                self._identity.clients.update(seed.clients)
                self._identity.identities.update(seed.identities)
                # in a thread: it waits for the keys that it wants, and nobody else is here yet
                fill = partial(apply_seed, seed, self.estate, known, knows_access=knows_access)
                await asyncio.to_thread(fill)
            self._keep()
            yield
        finally:
            if self._state is not None:
                self._state.close()

    def _keep(self) -> None:
        if self._state is not None:
            self._state.flush()

    @classmethod
    @asynccontextmanager
    async def start(cls, config: EmulatorConfig | None = None) -> AsyncIterator["Emulator"]:
        """Listen until the block ends; raises EmulatorConfigError, SeedError, StorageError, OSError."""
        config = config or EmulatorConfig()
        check_config(config)
        now = datetime.now().astimezone()
        emulator = cls(config, load_authority(config.ca_file, now))
        context = server_context(emulator._authority, now, config.names)
        server = web.Server(
            emulator._serve, access_log=None, logger=NOWHERE, keepalive_timeout=KEEP_ALIVE_SECONDS
        )
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        async with emulator.estate.rsa_pool.working_ahead(), emulator._filled():
            await runner.setup()
            try:
                site = web.TCPSite(runner, config.host, config.port, ssl_context=context)
                await site.start()
                emulator._listen(runner.addresses[0][1])
                async with emulator._working():
                    yield emulator
            finally:
                await runner.cleanup()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """Let time pass in the vaults and deliver events."""
        url = f"{self.url}{PREFIX}{VALIDATE}"
        delivery = EventDelivery(self.events, self._tick, self.ca_pem, url)
        task = asyncio.create_task(delivery.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _tick(self) -> None:
        await self.estate.catch_up()
        try:
            self._keep()
        except StorageError as error:
            LOGGER.error("%s", error)

    def _event_token(self, audience: str) -> str:
        return self._identity.issue_event_token(audience, int(self._config.clock().timestamp()))

    def _vault_base(self, vault: str) -> str:
        return self.url if vault == DEFAULT_VAULT else self.vault_url(vault)

    def _listen(self, port: int) -> None:
        self._port = port
        self.estate.authority = f"https://127.0.0.1:{port}/{self._config.tenant}"

    @property
    def port(self) -> int:
        """Port that it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the emulator itself, which is also the vault `default`."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def authority_host(self) -> str:
        """What AZURE_AUTHORITY_HOST must be."""
        return self.url

    @property
    def ca_pem(self) -> str:
        """Certificate of the CA."""
        return self._authority.pem()

    @property
    def faults(self) -> FaultBook:
        """Faults that are set."""
        return self.estate.faults

    @property
    def stats(self) -> AccessLog:
        """Counts of the requests so far."""
        return self.estate.log

    def vault_url(self, name: str) -> str:
        """URL of a vault."""
        return f"https://{name}.vault.localhost:{self._port}"

    def driver(self, name: str) -> VaultDriver:
        """One vault, to be changed behind the back of its clients."""
        return self.estate.driver(name)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        is_control = request.path.startswith(PREFIX)
        host = request.headers.get("Host", self._config.host)
        if HOST.fullmatch(host) is None:
            return web.Response(status=400, text="the header Host is no name of a host")
        try:
            body = await read_body(request, self._body_limit(request) if is_control else VAULT_BODY_BYTES)
        except BodyError as error:
            return web.Response(status=error.status, text=str(error))
        wire = ApiRequest(
            method=request.method,
            host=host,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=body,
            address=request.remote or "127.0.0.1",
        )
        try:
            return await self._answer(request, wire, is_control=is_control)
        except StorageError as error:
            LOGGER.error("%s", error)
            return _failure(wire, str(error))
        except Exception as error:  # noqa: BLE001 - told by type and place: its text could hold a value
            place = traceback.extract_tb(error.__traceback__)[-1]
            LOGGER.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
            return _failure(wire, "The emulator failed; its log says where.")

    def _body_limit(self, request: web.BaseRequest) -> int:
        """Bytes that a control request may have: who will be refused must not fill the memory before that."""
        asked = ApiRequest(
            method=request.method, host=request.host, path=request.path, headers=request.headers
        )
        return VAULT_BODY_BYTES if refuse_control(asked, self._config.token) else CONTROL_BODY_BYTES

    async def _answer(
        self, request: web.BaseRequest, wire: ApiRequest, *, is_control: bool
    ) -> web.StreamResponse:
        page = self._answer_page(request, wire)
        if page is not None:
            return respond(page)
        if is_control:
            moves = self.estate.time.moves
            response = handle_control(wire, self.estate, self._config.token, self.events)
            if self.estate.time.moves != moves:
                await self.estate.catch_up()
            self._keep()
            return respond(response)
        if self._config.token:
            wire = unseal(wire, self._config.token)
        pulled = await self._pull.handle(wire, lambda: request.transport is None)
        if pulled is not None:
            return respond(pulled)
        now = self._config.clock()
        identity = self._identity.handle(wire, int(now.timestamp()))
        if identity is not None:
            if self._config.token:
                identity = guard_token(wire, identity, self._config.token, self._identity.clients)
            reply = self._answer_identity(wire, identity, now)
            return await send_reply(request, reply, reply.delay)
        reply = await self.estate.serve(wire, now)
        self._keep()
        return await send_reply(request, reply, self._config.latency + reply.delay)

    def _answer_page(self, request: web.BaseRequest, wire: ApiRequest) -> ApiResponse | None:
        if self._config.token:
            return None
        return answer_page(wire, self.estate, request.remote or "")

    def _answer_identity(self, request: ApiRequest, answer: IdentityAnswer, now: datetime) -> Reply:
        target = Target(
            vault="", method=request.method, path=request.path, route=answer.route, principal=answer.principal
        )
        fault = self.estate.faults.strike(target, authenticated=False)
        response = answer.render()
        ending = fault.ending if fault else Ending.WHOLE
        if fault is not None and fault.status is not None:
            failed = IdentityAnswer(
                status=fault.status,
                content={"error": fault.code or "temporarily_unavailable", "error_description": "fault"},
                route=answer.route,
                operation=answer.operation,
            )
            response = failed.render()
        outcome = str(response.status) if ending is Ending.WHOLE else ending.value
        self.estate.log.note(
            AccessLogEntry(
                time=now.timestamp(),
                vault="",
                method=request.method,
                route=answer.route,
                kind="",
                action=answer.operation,
                name="",
                principal=answer.principal,
                outcome=outcome,
            )
        )
        return Reply(response=response, delay=fault.delay if fault else 0.0, ending=ending)


def _failure(request: ApiRequest, message: str) -> web.Response:
    return respond(render(render_problem(VaultProblem(500, "InternalServerError", message)), request))
