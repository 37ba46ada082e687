"""One file a verb: parse, call the engine, show, exit."""
