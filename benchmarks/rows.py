"""One file a cell, written when the cell is done, so that an interrupted run goes on where it stopped."""

import json
import os
import platform
from datetime import datetime
from pathlib import Path

import torch


class Rows:
    """The rows in a folder; a row is a dict of names and numbers."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, name):
        return self._path(name).exists()

    def write(self, name, row):
        """Write a row with the day and the machine; it appears whole or not at all."""
        row = row | {"date": datetime.now().isoformat(timespec="minutes"), "machine": machine()}
        part = self.folder / f"{name}.{os.getpid()}.part"
        part.write_text(json.dumps(row, indent=1))
        part.replace(self._path(name))

    def read(self):
        """Return all rows."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]

    def _path(self, name):
        return self.folder / f"{name}.json"


def machine():
    """Return processor, cores, memory, system and GPU in words."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [
            line.split(":", 1)[1] for line in information.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0].strip() if models else name
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {cores} cores, {memory:.0f} GiB, {platform.system()}{gpu}"
