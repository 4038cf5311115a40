"""Controls that say how much a subset proves; docs/method.md, "What a small subset does not prove"."""
