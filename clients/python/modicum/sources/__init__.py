"""Local files: images, labels, input specifications and models. They are checked before anything is sent."""
