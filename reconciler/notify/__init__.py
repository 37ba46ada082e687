"""Where a change of state is told: GitHub, Slack, a webhook."""
