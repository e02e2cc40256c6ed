"""Others' text and files made harmless: opened, printed, exported and logged."""
