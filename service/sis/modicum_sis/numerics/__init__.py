"""Small tools over torch: log-odds, ranking, seeds, exact float32, lack of memory. They know no model and no search."""
