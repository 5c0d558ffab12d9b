"""`vaultbind demo`: a cluster, a vault and the real operator on this machine, told step by step.

command   flags, signals, exit status       runner     one step after another, each with its deadline
stage     what is running                   steps      what is done and how it is read back
checks    what is right, pure               sabotage   how each step can be broken underneath
"""

from vaultbind.cli.demo.command import demo

__all__ = ["demo"]
