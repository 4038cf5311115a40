"""The searches. Each proposes masks for images; verification decides. See docs/method.md, "The searches"."""
