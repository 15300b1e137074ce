"""From neighbours, trends and rules to each user's list."""
