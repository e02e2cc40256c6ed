"""What travels: message models in their envelope, who wrote a record, and what was handled already."""
