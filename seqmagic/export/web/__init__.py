"""One HTML file that holds the model, a sampler and everything else a browser needs. For export."""

from __future__ import annotations

from seqmagic.export.web.check import CHECK
from seqmagic.export.web.page import write

__all__ = ["CHECK", "write"]
