"""The API of Stable Diffusion web UI (AUTOMATIC1111), under `/sdapi/v1`, and that of its ControlNet
extension, under `/controlnet`."""
