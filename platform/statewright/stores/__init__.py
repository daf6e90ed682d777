"""The log: the EventStore protocol, its words, and the stores that are built in."""
