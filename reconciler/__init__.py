"""kstate keeps Kafka estates in Git."""

__version__ = "0.1.0"
