"""How the engines are started, loaded and measured."""
