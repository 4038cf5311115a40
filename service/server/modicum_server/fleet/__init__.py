"""Workers that Ray places on the machines of a cluster. Nothing here knows of audits, and Ray keeps nothing of them."""
