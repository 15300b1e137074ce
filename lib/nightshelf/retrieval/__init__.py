"""The best items of every user by vectors that a model made for both."""
