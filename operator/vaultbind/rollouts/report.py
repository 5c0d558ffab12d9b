"""Pure: what became of the restarts, as status field and Events."""

from typing import Final

from vaultbind.api.conditions import Reason
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.rollouts.facts import Restarted, RolloutFacts

RETRY_SECONDS: Final = 60.0
"""After the cluster refused or did not answer."""


def report_seen(revision: int | None) -> Report:
    """Nothing to restart; None forgets that there was ever something."""
    return Report(fields={"rolloutRevision": revision})


def report_done(facts: RolloutFacts, restarted: Restarted) -> Report:
    """Tell what was restarted and what is not there; the status moves once nothing is left to do."""
    notes = [
        Note(
            type=NoteType.NORMAL,
            reason=Reason.RESTARTED,
            message=f"{workload} restarted for revision {facts.revision}",
        )
        for workload in restarted.done
    ]
    if restarted.refused:
        return Report(notes=tuple(notes))
    problems = [f"{name} is not there" for name in facts.missing] + list(restarted.failed)
    if restarted.wait:
        return Report(notes=tuple(notes), next_in=restarted.wait)
    notes += [
        Note(type=NoteType.WARNING, reason=Reason.RESTART_FAILED, message=problem) for problem in problems
    ]
    return Report(fields={"rolloutRevision": facts.revision}, notes=tuple(notes))


def report_refused(message: str, *, told: bool) -> Report:
    """The cluster does not let us, or does not answer: told once, tried again."""
    text = f"workloads cannot be restarted: {message}"
    note = Note(type=NoteType.WARNING, reason=Reason.RESTART_FAILED, message=text)
    return Report(notes=() if told else (note,), next_in=RETRY_SECONDS)
