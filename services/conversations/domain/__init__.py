"""The rules of threads: whom a contact stands for, which booking fits a day, which thread a message goes to."""
