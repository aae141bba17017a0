"""Whisper in onnxruntime, read from an ordinary Hugging Face folder."""
