"""What an event leads to: whom to tell, when, and what is told no more."""
