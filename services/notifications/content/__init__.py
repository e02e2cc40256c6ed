"""The texts of messages: templates, rendering and samples."""
