"""One conversation: words in, an answer or a question out, and a change only after the answer to it."""
