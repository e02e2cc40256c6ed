"""The saga engine: a table of steps, a pure function over it, and where sagas are stored."""
