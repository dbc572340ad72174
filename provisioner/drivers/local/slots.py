"""Places on this machine: so many desktops at a time, each with a pretended card of its own."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.drivers.local.folders import Cabinet, Folder
from provisioner.errors import NoCapacity

FIRST_UID = 61_000


@dataclass(frozen=True)
class Slots:
    cabinet: Cabinet
    total: int

    def free(self) -> int:
        """The lowest free place. NoCapacity. The caller holds the lock `slots`."""
        taken = {
            state.slot
            for folder in self.cabinet.folders()
            if (state := folder.state()) is not None
        }
        for slot in range(self.total):
            if slot not in taken:
                return slot
        raise NoCapacity(f"all {self.total} places are taken", total=self.total)

    def uid(self, folder: Folder) -> int:
        """The desktop's Unix user for life, so that its home never changes hands."""
        own = folder.uid()
        if own is not None:
            return own
        taken = {uid for other in self.cabinet.folders() if (uid := other.uid()) is not None}
        own = next(uid for uid in range(FIRST_UID, 2**31) if uid not in taken and uid != 65534)
        folder.write_uid(own)
        return own
