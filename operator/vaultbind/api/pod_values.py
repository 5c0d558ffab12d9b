"""How old values of the broker may be: who restarts pods for newer ones waits for that."""

from typing import Final

KEEP_SECONDS: Final = 5.0
"""How old an answer may be: a thousand pods that start at once cost the vault one get per object."""
OLDEST_SECONDS: Final = 2 * KEEP_SECONDS
"""An answer that is kept may have been made of an object that was kept as long before."""
