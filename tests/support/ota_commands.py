"""`v2xpki` commands and other work on tokens, each in a process of its own, as an operator has it: SoftHSM
reads its configuration once a process."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import warm
from tests.support.commands import environment

_CALL = """
import pickle, sys
function, arguments = pickle.loads(bytes.fromhex(sys.argv[1]))
function(*arguments)
"""


class Apart:
    """A folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *words: object, expect: int = 0) -> str:
        """What a command printed on stdout; it is to end with the code `expect`."""
        code, out, err = warm.run([*map(str, words)], environment(), folder=self.folder)
        assert code == expect, f"{words}: {code}\n{out}{err}"
        return out

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """A function of a module that returns nothing."""
        told = pickle.dumps((function, args)).hex()
        code, out, err = warm.run([told], environment(), program=_CALL, folder=self.folder)
        assert code == 0, out + err
