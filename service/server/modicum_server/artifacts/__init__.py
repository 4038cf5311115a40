"""Bytes by SHA-256, behind `ports.ArtifactStore`. The store knows who may see which digest; this package does not."""
