"""Export for the browser: one HTML file that holds the model, a sampler and everything else it needs."""

from __future__ import annotations

from seqmagic.export.web.check import CHECK
from seqmagic.export.web.page import write

__all__ = ["CHECK", "write"]
