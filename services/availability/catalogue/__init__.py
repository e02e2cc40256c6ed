"""A property's rooms, rates and rules: the records, editing them over HTTP and by CSV."""
