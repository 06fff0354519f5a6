"""One Ray Serve deployment per stage. They know neither each other nor HTTP."""
