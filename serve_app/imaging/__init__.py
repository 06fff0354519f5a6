"""Pure functions on images. No Ray, no torch, no HTTP."""
