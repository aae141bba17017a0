"""The graph compiler: from a published Whisper folder to one that is fast and small on a CPU."""
