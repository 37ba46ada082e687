"""One file a form: the same plan as text, Markdown or JSON."""
