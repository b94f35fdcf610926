"""One page that shows what happens inside runs: claims, panels, numbers. For cli."""
