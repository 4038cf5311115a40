"""The trust part: cues that are planted while a network is trained, and how often an audit finds them."""
