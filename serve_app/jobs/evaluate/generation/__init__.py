"""The steps of `task: generate` that differ from those of classes and captions."""
