"""The worker process: ``python -m dag_gateway.helm.worker MEMORY``, charts on stdin, answers on stdout."""

import contextlib
import os
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from dag_gateway.model.reason import Reason, StepFailed

from .frames import LONGEST_ANSWER, frame, read_frame
from .render import render
from .sandbox import confine
from .unpack import remove_leftovers

_FAILED = 1
_OUT_OF_MEMORY = 3


def main() -> None:
    """Answer until the gateway closes the pipe or dies."""
    try:
        _serve(int(sys.argv[1]))
    except Exception:
        # The interpreter's own way out would wait for the reading thread, and abort with other last words than these.
        traceback.print_exc()
        os._exit(_FAILED)


def _serve(memory: int) -> NoReturn:
    requests, answers = _streams()
    confine(memory)
    waiting: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    _write(answers, frame({"ready": True}))
    while True:
        request, archive = waiting.get()
        _write(answers, answer_to(request, archive))


def answer_to(request: Mapping[str, Any], archive: bytes) -> bytes:
    """The frame to send back: ``rendered``, ``failed`` with reason and message, or ``unavailable`` with why."""
    try:
        answer = frame({"rendered": render(archive, request).to_json()})
        if len(answer) > LONGEST_ANSWER:
            raise StepFailed(Reason.RENDER_FAILED, f"the objects of the chart have more than {LONGEST_ANSWER} bytes")
    except StepFailed as failure:
        answer = frame({"failed": {"reason": failure.reason, "message": failure.message}})
    except OSError as error:
        answer = frame({"unavailable": str(error)})
    except MemoryError:
        os.write(sys.stderr.fileno(), b"fatal error: out of memory\n")
        os._exit(_OUT_OF_MEMORY)
    return answer


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Stdin, and stdout moved away so that nothing a library prints gets into the answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, answers


def _read(requests: BinaryIO, waiting: "queue.SimpleQueue[tuple[dict[str, Any], bytes]]") -> None:
    """Ends the process when the pipe ends, also while Helm is busy: then nobody waits for the answer any more."""
    while (request := read_frame(requests)) is not None:
        waiting.put(request)
    _leave()


def _leave() -> NoReturn:
    """A gateway that was killed could not remove the working folder, which is the worker's own."""
    # Not while a chart renders, when no folder can be opened; there is none of a chart then.
    with contextlib.suppress(OSError):
        remove_leftovers()
    with contextlib.suppress(OSError):
        Path.cwd().rmdir()
    os._exit(0)


def _write(answers: BinaryIO, data: bytes) -> None:
    try:
        answers.write(data)
        answers.flush()
    except BrokenPipeError:
        _leave()


if __name__ == "__main__":
    main()
