"""How good published lists were, by what users did next."""
