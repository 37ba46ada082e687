"""Confluent Cloud: Kafka or REST v3 for what is in a cluster, the control plane for what is around it."""

from reconciler.platforms.confluent.platform import PLATFORM as PLATFORM
