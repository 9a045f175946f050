"""What the simulators share: events in time, and an asyncio loop that runs on them."""
