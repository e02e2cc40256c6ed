"""What a house is asked before it opens, and when it is not well."""
