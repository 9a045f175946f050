"""What every server process of the house has: RESP replies, the text and values of a configuration, log
lines, going to the background. It imports none of the components, and each of them may import it."""
