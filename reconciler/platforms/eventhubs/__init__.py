"""Azure Event Hubs."""

from reconciler.platforms.eventhubs.platform import PLATFORM as PLATFORM
