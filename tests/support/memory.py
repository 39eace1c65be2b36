"""The most memory that each process of a service has had, also of those that are no more."""

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY = 0.05  # seconds


class Peaks:
    """Watches a process and all below it while the block lasts: VmHWM, which only grows, so that what is
    missed of a process that dies is what it took since it was last looked at."""

    def __init__(self, root: int) -> None:
        self._root = root
        self.kib: dict[int, int] = {}
        self.parents: dict[int, int] = {}
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.look()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()
        self.look()

    def look(self) -> None:
        """At every process that there is now."""
        waiting = [self._root]
        while waiting:
            pid = waiting.pop()
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                children = [
                    int(child)
                    for task in Path(f"/proc/{pid}/task").iterdir()
                    for child in (task / "children").read_text().split()
                ]
            except OSError:
                continue  # it has ended since
            found = re.search(r"VmHWM:\s+(\d+)", status)  # one that is ending has none
            if found is not None:
                self.kib[pid] = max(self.kib.get(pid, 0), int(found[1]))
            self.parents.update(dict.fromkeys(children, pid))
            waiting += children

    def named(self, names: dict[int, str]) -> dict[str, int]:
        """KiB by "name pid": a name that is given, or that of the parent with a plus."""

        def name_of(pid: int) -> str:
            return names.get(pid) or (f"{name_of(self.parents[pid])}+" if pid in self.parents else "?")

        return {f"{name_of(pid)} {pid}": kib for pid, kib in sorted(self.kib.items())}

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self.look()
