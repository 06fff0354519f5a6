"""OpenAI's Images API: generations, edits and models under `/v1`."""
