"""How staff's replies leave the house, and where providers keep conversations of their own."""
