"""A confirmed booking until checkout: commands of staff, states, and the sagas of a change and a cancellation."""
