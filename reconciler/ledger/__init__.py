"""What kstate owns, what it last applied, who is applying, and what was done: kept in a log."""
