"""One stage at a time: Canny, upscaling, captioning, classification."""
