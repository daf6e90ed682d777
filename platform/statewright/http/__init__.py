"""The JSON API for services: what is sent is read, handed to the rooms below, and answered; errors are problems."""
