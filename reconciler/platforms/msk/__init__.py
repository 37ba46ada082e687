"""Amazon MSK: Standard, Express and Serverless; by Kafka's protocol, or by AWS's API where no broker is in reach."""

from reconciler.platforms.msk.platform import PLATFORM as PLATFORM
