"""The spot test: which small places decide, shown by copying and covering them on images that did not choose them."""
