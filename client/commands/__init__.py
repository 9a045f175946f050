"""The typed methods, by the kind of value they work on. One file a kind, each with its rows of constants."""
