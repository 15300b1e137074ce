"""Item-based collaborative filtering: from events to the neighbours of every item."""
