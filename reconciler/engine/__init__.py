"""The one place that knows both the spec and the clusters."""
