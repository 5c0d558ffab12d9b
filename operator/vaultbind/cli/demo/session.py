"""One run of the demo, from the first process to the last file."""

import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from vaultbind.cli.demo.change_steps import DELETED
from vaultbind.cli.demo.clusters import DemoCluster, start_embedded
from vaultbind.cli.demo.current import Plan, use_current
from vaultbind.cli.demo.narration import Narrator, find_program, render_hints
from vaultbind.cli.demo.outcome import DemoError, Report
from vaultbind.cli.demo.runner import run_steps
from vaultbind.cli.demo.sabotage import SABOTAGES
from vaultbind.cli.demo.stage import Stage, make_folder, open_stage
from vaultbind.cli.demo.steps import build_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What people ask for; `timeout` in seconds for each step, `sabotage` the name of a step or empty."""

    keep: bool = False
    timeout: float = 30.0
    sabotage: str = ""


class Session:
    """Starts everything, tells the story, ends everything, whatever happens."""

    def __init__(self, options: Options, narrator: Narrator, *, on_report: Callable[[Report], None]) -> None:
        """`on_report` gets the outcome once the steps are done."""
        self.ok = False
        self._has_failed = False
        self.is_kept = False
        """All was verified, and is left running or was until somebody ended it."""
        self._options = options
        self._narrator = narrator
        self._on_report = on_report
        self._began = time.monotonic()

    async def run(self, plan: Plan | None) -> None:
        """Run on the embedded cluster or as planned; raises DemoError, KubeError, OSError."""
        folder = make_folder()
        try:
            async with self._open_cluster(plan, folder) as cluster, open_stage(cluster, folder) as stage:
                await self._tell(stage)
                if self._options.keep and self.ok:
                    await self._keep(stage)
        finally:
            _clean(folder, keep_log=self._has_failed)

    @asynccontextmanager
    async def _open_cluster(self, plan: Plan | None, folder: Path) -> AsyncIterator[DemoCluster]:
        if plan is None:
            async with start_embedded(folder) as embedded:
                yield embedded
        else:
            async with use_current(plan, self._narrator.say) as current:
                yield current

    async def _tell(self, stage: Stage) -> None:
        self._narrator.say(f"vaultbind demo: {stage.cluster.title}, Key Vault emulator, real operator\n")
        name = self._options.sabotage
        if name:
            self._narrator.say(f"step {name} is sabotaged: it must fail\n")
        results = await run_steps(
            stage,
            build_steps(),
            self._narrator,
            deadline=self._options.timeout,
            sabotages={name: SABOTAGES[name]} if name else {},
        )
        report = Report(
            cluster=stage.cluster.title,
            seconds=time.monotonic() - self._began,
            steps=results,
            vault_url=stage.vault.vault_url,
            kubeconfig=stage.cluster.environ.get("KUBECONFIG", "") if self._options.keep else "",
            log=str(stage.operator.log) if stage.operator.log.is_file() else "",
        )
        self.ok, self._has_failed = report.ok, not report.ok
        self._on_report(report)

    async def _keep(self, stage: Stage) -> None:
        """Wait for Ctrl-C; raises DemoError where the operator ends before."""
        stage.driver.recover("secrets", DELETED)  # else nothing of its binding moves any more
        hints = render_hints(
            vault_url=stage.vault.vault_url,
            kubeconfig=stage.cluster.environ.get("KUBECONFIG", ""),
            ca_file=str(stage.ca_file),
            namespace=stage.namespace,
            token_url=f"{stage.emulator.url}/msi/token",
            embedded=stage.cluster.sandbox is not None,
            program=find_program(),
        )
        for line in ("", *hints):
            self._narrator.say(line)
        self.is_kept = True
        ended = await stage.operator.wait_for_end()
        self.ok = self.is_kept = False
        self._has_failed = True
        raise DemoError(f"{ended}; its log: {stage.operator.log}")


def _clean(folder: Path, *, keep_log: bool) -> None:
    """Remove the folder, or all but the operator's log where that can tell something."""
    log = folder / "operator.log"
    if not (keep_log and log.is_file()):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path != log:
            path.unlink()
