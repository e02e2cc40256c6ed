"""What providers call us with: who may, and what it says, as our own message. Nothing here does I/O."""
