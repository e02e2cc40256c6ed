"""What a console reads: pages of threads and messages, searches, unread counts."""
