"""The stages of `mask_optimization`: ascent, further ascents from other first sizes, then shrinking and trades."""
