"""The sections of a night's report, each made of what the tables tell."""
