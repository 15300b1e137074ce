"""The steps of a night: each reads tables, transforms, and publishes tables."""
