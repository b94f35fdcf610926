"""The process of one row of a comparison, for `python -m`: it reads its job, trains, and tells of it line by line.

    python -m seqmagic.comparison.worker FILE CORES

FILE is the number of the open file with the ids of the text; CORES are the cores that it keeps to, "0,1", or "".
Standard input has the job, then a line wherever the training is to pause or to go on, and stays open for as long as
somebody wants the row: at its end the process ends, within a moment, as it would by a kill. Its run stays what the last
evaluation or checkpoint made it.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

ABANDONED = 3  # the exit code of a process that nobody wants any more
PAUSE, GO_ON = b"pause\n", b"go on\n"


def main() -> None:
    """Do the job of standard input."""
    ids, cores = int(sys.argv[1]), [int(core) for core in sys.argv[2].split(",") if core]
    if cores:
        os.sched_setaffinity(0, cores)  # before NumPy is imported, which makes a thread for each core that it sees
    answers = _own_output()
    told = os.fdopen(0, "rb", closefd=False)  # not sys.stdin: to close that, an exit waits for the thread that reads it
    job = told.readline()
    may_work = threading.Event()
    may_work.set()
    threading.Thread(target=_listen, args=(told, may_work), name="standard input", daemon=True).start()
    _work(job, ids, answers, may_work)
    os._exit(0)  # all is said and on disk; TensorFlow takes a second to clear up what the system clears anyway


def _own_output() -> BinaryIO:
    """Standard output for messages alone: what a library prints goes where standard error goes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _listen(told: BinaryIO, may_work: threading.Event) -> None:
    """Heed what is `told` up to its end, which the system brings about also where the other side is killed."""
    for line in told:
        if line == PAUSE:
            may_work.clear()
        elif line == GO_ON:
            may_work.set()
    os._exit(ABANDONED)


def _work(line: bytes, ids: int, answers: BinaryIO, may_work: threading.Event) -> None:
    """Train the row of the job in `line`, and tell; stand still while `may_work` is not set."""
    from seqmagic.comparison.messages import Job, Message, Problem, Ready, Result, corpus_of, to_line
    from seqmagic.comparison.series import interrupted_row, train_row
    from seqmagic.errors import SeqmagicError, TrainingError
    from seqmagic.training import train as door
    from seqmagic.training.interrupt import stop_on_signal
    from seqmagic.training.pauses import not_counted

    def tell(message: Message) -> None:
        answers.write(to_line(message))
        answers.flush()

    with stop_on_signal() as stop_requested:
        tell(Ready())
        job = Job.from_line(line)
        try:
            if door.start(job.training).kind == "gpu":
                raise TrainingError(
                    "--jobs divides the cores of a processor, and here is a GPU, which one row takes whole; leave "
                    "--jobs out, or train on the processor with CUDA_VISIBLE_DEVICES=-1 in the environment"
                )
            if stop_requested():
                raise KeyboardInterrupt
            events = train_row(
                corpus_of(job.text, os.fdopen(ids, "rb")),
                job.entry,
                model=job.model,
                training=job.training,
                models=job.models,
                name=job.name,
                argv=job.argv,
                train=door.train,
            )
            try:
                while True:
                    tell(next(events))
                    with not_counted():
                        may_work.wait()
            except StopIteration as end:
                tell(Result(row=end.value))
        except (OSError, SeqmagicError) as problem:
            tell(Problem(error=problem))
        except KeyboardInterrupt:
            tell(Result(row=interrupted_row(job.entry)))


if __name__ == "__main__":
    main()
