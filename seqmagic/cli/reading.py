"""A text for the commands that train: brought, read with a bar where it is large, its ids kept for the next time."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from seqmagic.cli.downloads import bar, bring
from seqmagic.cli.options import name_of

if TYPE_CHECKING:
    from seqmagic.cli.options import Settings
    from seqmagic.config import DataConfig
    from seqmagic.texts.corpus import Corpus
    from seqmagic.texts.vocabulary import Vocabulary


def read_to_train(settings: Settings, source: str, data: DataConfig, *, extending: Vocabulary | None = None) -> Corpus:
    """The text `source`, long and varied enough to train on."""
    from seqmagic.texts.cache import IdCache, large_size
    from seqmagic.texts.corpus import NO_CHARACTERS, read_trainable
    from seqmagic.texts.sources import named

    bring(settings, source)
    total = large_size(source, data)
    with bar(Path(named(source)).name, hidden=settings.quiet or total is None) as progress:
        done = 0

        def watch(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, total)

        waiting = settings.meanwhile(f"reading {name_of(source)}") if total is None else contextlib.nullcontext()
        with waiting:
            return read_trainable(
                source, data, extending=extending or NO_CHARACTERS, cache=IdCache(settings.models), watch=watch
            )
