"""The saga engine: tables of steps, pure functions over them, and where the state of sagas is stored."""
