"""The searches. Each proposes masks for images; verification decides."""
