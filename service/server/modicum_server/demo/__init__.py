"""`make demo`: audits a packaged classifier on packaged photographs, with the commands that a user types."""
