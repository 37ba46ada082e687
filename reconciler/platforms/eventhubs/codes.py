"""What Event Hubs alone can warn of."""

from __future__ import annotations

from reconciler.core.model import Code

CODES = (
    Code(
        "KS146",
        "A role allows more than was asked for",
        "Azure's roles are wider than Kafka's rights: who may receive from a hub may do so in any consumer group, who"
        " may send may use any transactional id, and an owner may do all of it. No narrower built-in role exists.",
    ),
    Code(
        "KS147",
        "It takes a while until access counts",
        "A role assignment is there at once, and Azure takes up to five minutes until Event Hubs acts on it. Clients"
        " that start before are refused.",
    ),
    Code(
        "KS246",
        "Deletes a consumer group",
        "Whoever reads with it is cut off from that moment on. Azure does not tell who that is; AMQP readers keep their"
        " positions elsewhere, in a storage account as a rule, so that those are not lost.",
        "Make it again: readers go on where their own checkpoints say.",
    ),
    Code(
        "KS946",
        "Not possible on Event Hubs",
        "A rule of Azure Event Hubs stands against it: a setting that a hub does not have, a limit of the tier, what is"
        " fixed once a hub is made. The message says which; docs/platforms/eventhubs.md lists them all.",
    ),
    Code(
        "KS947",
        "Event Hubs would not do it as planned",
        "What the spec asks for would come out as something else: a role assignment that has a condition, or a mirror"
        " whose hubs are missing, too narrow, or would be written with a compression that the tier refuses. The message"
        " says what to do first.",
    ),
)
