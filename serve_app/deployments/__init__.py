"""One Ray Serve deployment a stage. They do not know each other, nor HTTP."""
