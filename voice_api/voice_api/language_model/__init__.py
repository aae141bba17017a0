"""The way to a language model: llama.cpp's server, Ollama, or any address of OpenAI's chat API."""
