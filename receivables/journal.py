"""The journal: decisions of many callers reach the disk together, and no caller hears of one that has not.

Making a record durable costs one sync of the disk, whatever its size. A single writer takes all records that wait,
writes them in one transaction and only then lets their callers go on (group commit; DeWitt et al. 1984). So the rate
is bounded by how many wait, not by how often the disk can sync.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Final

from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.errors import UnavailableError
from receivables.reservations import Claim

#: Records in one transaction; bounds how long the first of them waits.
MAX_BATCH: Final = 256
_Waiting = tuple[DecisionRecord, Claim | None, "Future[DecisionRecord]"]


class Journal:
    """Appends to `log` from any number of threads; safe beside other processes that write the same file."""

    def __init__(self, log: DecisionLog) -> None:
        self.log = log
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._open = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="otcrisk-journal", daemon=True)
        self._writer.start()

    def submit(self, record: DecisionRecord, claim: Claim | None = None) -> Future[DecisionRecord]:
        """The record as stored, once it is durable; what it fails with is what `DecisionLog.append` raises.

        With a `claim` on the limit it fails with OutdatedError where others have changed what it was made on.
        """
        future: Future[DecisionRecord] = Future()
        with self._open:  # nothing may come behind the mark that ends the writer
            if self._closed:
                future.set_exception(UnavailableError(f"{self.log.path}: the decision log is closed"))
            else:
                self._waiting.put((record, claim, future))
        return future

    def append(self, record: DecisionRecord, claim: Claim | None = None) -> DecisionRecord:
        """Waits for `submit`."""
        return self.submit(record, claim).result()

    def close(self) -> None:
        """Writes what waits, then ends; the log stays open."""
        with self._open:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._writer.join()

    def _write(self) -> None:
        for batch in self._batches():
            # a caller that gave up waiting may have cancelled: its order was not answered, so it is not recorded
            taken = [waiting for waiting in batch if waiting[2].set_running_or_notify_cancel()]
            try:
                records, claims = [record for record, _, _ in taken], [claim for _, claim, _ in taken]
                stored = self.log.append_all(records, claims) if any(claims) else self.log.append_all(records)
            except Exception as error:  # noqa: BLE001 - the writer outlives whatever one batch brings
                for _, _, future in taken:
                    future.set_exception(error)
            else:
                for (_, _, future), result in zip(taken, stored, strict=True):
                    if isinstance(result, DecisionRecord):
                        future.set_result(result)
                    else:
                        future.set_exception(result)

    def _batches(self) -> Iterator[list[_Waiting]]:
        """Everything that waits, at most `MAX_BATCH` at a time, until the end is asked for."""
        while (first := self._waiting.get()) is not None:
            batch, ended = [first], False
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    ended = True
                    break
                batch.append(following)
            yield batch
            if ended:
                return
