"""How long a test waits for what must come: long, so that nothing fails because a machine is slow.

Who waits is woken by what it waits for. This is only how long a test that hangs keeps everybody waiting.
"""

from typing import Final

PATIENCE_S: Final = 600
