"""Bytes by SHA-256, behind `ports.ArtifactStore`. Who may see which digest stands in the store, not here."""
