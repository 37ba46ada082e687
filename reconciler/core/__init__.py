"""The pure heart: no file, socket, clock, environment or random number in here."""
