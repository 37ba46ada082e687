"""A real Kafka, schema registry and Connect on loopback, without Docker and without an installed Java."""
