"""An attack by a caller who knows the addresses and has two tokens, beside the calls of another team."""
