"""`make demo`: the main job on a classifier and photographs that packages ship, by the commands that a user types."""
