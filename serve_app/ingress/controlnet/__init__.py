"""`POST /generation`: an image conditioned on the Canny edges of another."""
