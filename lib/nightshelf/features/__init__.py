"""Features of users and items, samples of what users did, and their encoding for a model."""
