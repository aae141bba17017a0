"""What a language model may suggest where the grammar misses, and what it says of logs; without a network."""
