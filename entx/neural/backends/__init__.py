"""What runs a model: the transformers library, vLLM, or a server."""
