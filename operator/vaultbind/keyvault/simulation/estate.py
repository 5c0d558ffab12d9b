"""All vaults of one simulation with their faults, access rules and log; requests come in through `serve`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Final

from vaultbind.keyvault.simulation.access import AccessRules, Attempt
from vaultbind.keyvault.simulation.access_log import AccessLog, AccessLogEntry
from vaultbind.keyvault.simulation.api.calls import Call
from vaultbind.keyvault.simulation.api.dispatch import answer
from vaultbind.keyvault.simulation.api.messages import (
    Address,
    Answer,
    ApiRequest,
    ApiResponse,
    parse_host,
    render,
    render_problem,
)
from vaultbind.keyvault.simulation.api.routing import Route, check_api_version, parse_route
from vaultbind.keyvault.simulation.clock import VaultTime
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.faults import Ending, Fault, FaultBook, Target
from vaultbind.keyvault.simulation.problems import VaultProblem, misdirected, unauthorized
from vaultbind.keyvault.simulation.records import VaultSettings
from vaultbind.keyvault.simulation.rsapool import RsaPool, RsaSource, make_rsa
from vaultbind.keyvault.simulation.sessions import ClaimsChallenge, Sessions
from vaultbind.keyvault.simulation.throttle import Throttle, judge_cost
from vaultbind.keyvault.simulation.tokens import MISSING, TENANT, TokenCheck, accept_any
from vaultbind.keyvault.simulation.vault import SimulatedVault

Clock = Callable[[], datetime]
CUT_CODE: Final = "cut"


def wall_clock() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer and what happens on its way: seconds of delay, and how it ends."""

    response: ApiResponse
    delay: float = 0.0
    ending: Ending = Ending.WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A request that was looked at once, however often it is tried until its RSA key is there."""

    request: ApiRequest
    route: Route | None
    target: Target
    moment: float
    """Epoch seconds by the clock."""
    date: int
    """Epoch seconds by the vault's own clock."""
    fault: Fault | None
    carry_out: Callable[[], Answer]
    """Gives the answer; after KeyWanted, another call does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateConfig:
    """How the simulated service behaves."""

    settings: VaultSettings = field(default_factory=VaultSettings)
    page_sizes: tuple[int, ...] = (25,)
    """Page n of a list holds at most `page_sizes[n]` objects; (0, 3, 25) begins with an empty page."""
    check_token: TokenCheck = accept_any
    authority: str = f"https://login.windows.net/{TENANT}"
    """What a challenge names as authorization server."""
    clock: Clock = wall_clock
    on_first_use: bool = True
    """Whether a vault comes to be by being asked; if not, only those that `Estate.vault` made exist."""
    make_rsa: RsaSource = make_rsa
    """What makes RSA keys, in the threads of the estate's pool."""


class Estate:
    """Vaults by name."""

    def __init__(self, config: EstateConfig | None = None) -> None:
        """Begin without vaults."""
        self.config = config or EstateConfig()
        self.authority = self.config.authority
        self.faults = FaultBook()
        self.access = AccessRules()
        self.sessions = Sessions()
        self.log = AccessLog()
        self.rsa_pool = RsaPool(self.config.make_rsa)
        self.time = VaultTime()
        self.throttle = Throttle()
        self.newcomers: list[Callable[[SimulatedVault], None]] = []
        """Called with each vault that comes to be."""
        self._vaults: dict[str, SimulatedVault] = {}

    @property
    def vaults(self) -> Mapping[str, SimulatedVault]:
        """The vaults that exist."""
        return self._vaults

    def now(self, vault: str = "") -> datetime:
        """Time of the configured clock, or of a vault whose time may have been moved."""
        now = self.config.clock()
        return self.time.at(vault, now) if vault else now

    def vault(self, name: str) -> SimulatedVault:
        """State machine of one vault, made when there is none; its RSA keys come from `rsa_pool`."""
        vault = self._vaults.get(name)
        if vault is None:
            vault = self._vaults[name] = SimulatedVault(name, self.config.settings, self.rsa_pool.take)
            for listener in self.newcomers:
                listener(vault)
        return vault

    def driver(self, name: str) -> VaultDriver:
        """One vault with its time built in, for seeds and tests; who makes an RSA key by it waits for it."""
        return VaultDriver(self.vault(name), lambda: self.now(name), self.rsa_pool.patiently)

    def settle(self) -> None:
        """Let every vault do what is due at its time, and stand still while RSA keys are made for that."""
        for vault in tuple(self._vaults.values()):
            self.rsa_pool.patiently(partial(self._advance, vault))

    async def catch_up(self) -> None:
        """Let every vault do what is due at its time; called now and then, and when time was moved."""
        for vault in tuple(self._vaults.values()):
            await self.rsa_pool.attend(partial(self._advance, vault))

    def _advance(self, vault: SimulatedVault) -> None:
        vault.advance(now=int(self.now(vault.name).timestamp()))

    def handle(self, request: ApiRequest, now: datetime) -> Reply:
        """Answer as `serve` does, and stand still while an RSA key is made."""
        judged = self._judge(request, now)
        return self._reply(judged, self.rsa_pool.patiently(judged.carry_out))

    async def serve(self, request: ApiRequest, now: datetime) -> Reply:
        """Answer one request at a time of the clock; no refusal is raised, all are answers."""
        judged = self._judge(request, now)
        return self._reply(judged, await self.rsa_pool.attend(judged.carry_out))

    def _judge(self, request: ApiRequest, now: datetime) -> _Judged:
        """See who asks what, and whether a fault, the token, the path or the throttle refuses it."""
        address = parse_host(request.host)
        moment = now.timestamp()
        date = int(self.time.at(address.vault, now).timestamp())
        route, routing_problem = _route(request)
        principal, auth_problem = self._authenticate(request, address, int(moment))
        target = Target(
            vault=address.vault,
            method=request.method,
            path=request.path,
            route=route.template if route else "(unknown)",
            principal=principal,
        )
        fault = self.faults.strike(target, authenticated=bool(principal)) if self.faults else None
        if fault is not None and fault.is_answer:
            carry_out = partial(_fault_answer, fault)
        elif auth_problem is not None:
            carry_out = partial(self._challenge, auth_problem, address)
        elif route is None:
            carry_out = partial(render_problem, routing_problem)
        elif self.throttle.rules is not None and not self._admits(request, address.vault, route, moment):
            throttled = Fault(status=429, retry_after=self.throttle.rules.retry_after)
            carry_out = partial(_fault_answer, throttled)
        else:
            carry_out = partial(self._carry_out, request, address, route, principal, date)
        return _Judged(
            request=request,
            route=route,
            target=target,
            moment=moment,
            date=date,
            fault=fault,
            carry_out=carry_out,
        )

    def _reply(self, judged: _Judged, answered: Answer) -> Reply:
        ending = judged.fault.ending if judged.fault else Ending.WHOLE
        outcome = str(answered.status) if ending is Ending.WHOLE else ending.value
        self._note(judged.target, judged.route, outcome, judged.moment)
        delay = judged.fault.delay if judged.fault else 0.0
        response = render(answered, judged.request)
        dated = replace(response, headers={**response.headers, "Date": _http_date(judged.date)})
        return Reply(response=dated, delay=delay, ending=ending)

    def _authenticate(
        self, request: ApiRequest, address: Address, now: int
    ) -> tuple[str, VaultProblem | None]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "", unauthorized(MISSING)
        try:
            principal = self.config.check_token(token, address.resource, now)
            self.sessions.check(token)
            return principal, None
        except VaultProblem as problem:
            return "", problem

    def _admits(self, request: ApiRequest, vault: str, route: Route, moment: float) -> bool:
        category, weight = judge_cost(route, request, self._vaults.get(vault))
        return self.throttle.admits(vault, category, weight, moment)

    def _challenge(self, problem: VaultProblem, address: Address) -> Answer:
        challenge = f'Bearer authorization="{self.authority}", resource="{address.resource}"'
        if isinstance(problem, ClaimsChallenge):
            challenge += f', error="insufficient_claims", claims="{problem.claims}"'
        refusal = render_problem(problem)
        return Answer(status=401, content=refusal.content, headers={"WWW-Authenticate": challenge})

    def _carry_out(
        self, request: ApiRequest, address: Address, route: Route, principal: str, now: int
    ) -> Answer:
        try:
            check_api_version(request.query.get("api-version"))
            if not self.config.on_first_use and address.vault not in self._vaults:
                raise misdirected(address.vault)
            self.access.check(
                Attempt(
                    principal=principal,
                    vault=address.vault,
                    kind=route.kind,
                    action=route.action,
                    name=route.name,
                    address=request.address,
                )
            )
            vault = self.vault(address.vault)
            vault.advance(now=now)
            return answer(
                Call(
                    vault=vault,
                    route=route,
                    address=address,
                    query=request.query,
                    body=request.body,
                    now=now,
                    page_sizes=self.config.page_sizes,
                )
            )
        except VaultProblem as problem:
            return render_problem(problem)

    def _note(self, target: Target, route: Route | None, outcome: str, moment: float) -> None:
        self.log.note(
            AccessLogEntry(
                time=moment,
                vault=target.vault,
                method=target.method,
                route=target.route,
                kind=route.kind if route else "",
                action=route.action if route else "unknown",
                name=route.name if route else "",
                version=route.version if route else "",
                principal=target.principal,
                outcome=outcome,
            )
        )


@lru_cache(maxsize=8)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _route(request: ApiRequest) -> tuple[Route | None, VaultProblem]:
    try:
        return parse_route(request.method, request.path), _NO_PROBLEM
    except VaultProblem as problem:
        return None, problem


def _fault_answer(fault: Fault) -> Answer:
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = f"{fault.retry_after:g}"
    content = {"error": fault.error()}
    return Answer(status=fault.status or 200, content=content, headers=headers)


_NO_PROBLEM: Final = VaultProblem(500, "", "")
