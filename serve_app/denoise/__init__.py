"""The step-level engine: every denoising step is a batch. No Ray, no HTTP."""
