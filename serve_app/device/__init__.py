"""What work shares of a device: its memory, and whether it still answers. Loads no torch itself."""
