"""Workers that Ray places on the machines of a cluster."""
