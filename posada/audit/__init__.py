"""The auditor: reads every database and topic, changes nothing, and names each promise that is broken."""
