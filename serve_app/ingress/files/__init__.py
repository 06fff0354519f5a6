"""Images that are answered as a URL: kept in a folder for a while, and served from there."""
