"""``garrison doctor``: reads a deployment, and says what is wrong or unwise, why, and what to type."""
