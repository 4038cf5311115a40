"""Registries of models: where a candidate comes from, where its verdict is kept, and whose alias deploys it."""
