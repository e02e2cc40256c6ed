"""What an event leads to: recipients, times of reminders, and which messages it supersedes."""
