"""A folder of YAML in, checked documents out, or every problem at once."""
