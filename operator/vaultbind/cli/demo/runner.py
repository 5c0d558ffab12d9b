"""One step after another, each with its deadline, until one fails."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from vaultbind.cli.demo.narration import Narrator
from vaultbind.cli.demo.outcome import Closing, DemoError, Look, State, StepResult
from vaultbind.cli.demo.sabotage import Sabotage
from vaultbind.cli.demo.stage import Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.keyvault import KeyVaultError
from vaultbind.kube.errors import KubeError

PAUSE: Final = 0.1
"""Seconds between two looks."""
_EXPECTABLE: Final = (KubeError, KeyVaultError)
"""What a look may meet while things are not yet as they should be."""


async def run_steps(
    stage: Stage,
    steps: Sequence[Step],
    narrator: Narrator,
    *,
    deadline: float,
    sabotages: dict[str, Sabotage],
) -> list[StepResult]:
    """Run all steps; after a failure the others are skipped. `deadline` is for each step, in seconds."""
    results: list[StepResult] = []
    for step in steps:
        if results and results[-1].state is not State.VERIFIED:
            results.append(StepResult(name=step.name, title=step.title))
            continue
        with narrator.waiting(step.name, step.title):
            result = await run_step(
                stage, step, deadline=deadline, sabotage=sabotages.get(step.name, Sabotage())
            )
        narrator.tell(result)
        results.append(result)
    return results


async def run_step(stage: Stage, step: Step, *, deadline: float, sabotage: Sabotage) -> StepResult:
    """Act, look until all is as expected, and tell what became of it."""
    attempt = Attempt(stage, step)
    started = time.monotonic()
    closing = Closing()
    try:
        async with asyncio.timeout(deadline):
            await sabotage.before(stage)
            await step.act(stage)
            if sabotage.after is not None:
                await attempt.until_ok()
                await sabotage.after(stage)
            await attempt.until_ok()
            closing = await step.finish(stage)
        failed, seen = False, ""
    except TimeoutError:
        failed, seen = True, f"{attempt.describe()} (after {deadline:g} s)"
    except (DemoError, *_EXPECTABLE) as error:
        failed, seen = True, str(error)
    except (LookupError, TypeError, ValueError) as error:  # an answer of another form; it may hold values
        failed, seen = True, f"an answer that cannot be understood ({type(error).__name__})"
    return StepResult(
        name=step.name,
        title=step.title,
        state=State.FAILED if failed else State.VERIFIED,
        seconds=time.monotonic() - started,
        told="" if failed else attempt.last.told,
        closing=closing,
        expected=step.expected if failed else "",
        seen=seen,
    )


class Attempt:
    """Looks of one step, the last one kept."""

    def __init__(self, stage: Stage, step: Step) -> None:
        """Nothing has been seen yet."""
        self.last = Look(problems=("nothing yet: no answer",))
        self._stage = stage
        self._step = step

    async def until_ok(self) -> None:
        """Look until all is as expected; raises DemoError where the operator has ended."""
        while True:
            if ended := self._stage.operator.find_end():
                raise DemoError(ended)
            try:
                self.last = await self._step.look(self._stage)
            except _EXPECTABLE as error:
                self.last = Look(problems=(str(error),))
            if self.last.ok:
                return
            await asyncio.sleep(PAUSE)

    def describe(self) -> str:
        """What was wrong at last."""
        return "; ".join(self.last.problems) or "no answer"
