"""What a console for staff reads: pages of threads and messages, searches, unread counts."""
