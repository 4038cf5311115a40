"""The stages of `gradient_free`: removal of blocks, then trades of single pixels, within one budget of passes."""
