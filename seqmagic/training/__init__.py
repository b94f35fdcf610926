"""A training from its plan to its run, as a stream of events that somebody else draws. For api, comparison and cli."""
