"""Which engine hears and speaks: local always, others while their budget lasts."""
