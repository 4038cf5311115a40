"""Generated from proto/modicum/v1 by `make proto`; never edited."""
