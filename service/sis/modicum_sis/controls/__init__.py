"""Controls that say how much a subset proves. Each takes findings or images and returns frozen results."""
