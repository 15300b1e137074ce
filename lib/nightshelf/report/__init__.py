"""A night on one page: from plain figures to HTML that needs nothing else."""
