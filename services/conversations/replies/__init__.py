"""Staff's replies: written down, sent, and the provider's conversations kept."""
