"""What an installation is checked for before it opens, and when something is wrong."""
