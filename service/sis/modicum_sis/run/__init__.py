"""One run of `find_subsets`: from arguments and images to verified findings, saved and resumed."""
