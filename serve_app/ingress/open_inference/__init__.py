"""The Open Inference Protocol (KServe v2), which Triton's clients speak, under `/v2`."""
