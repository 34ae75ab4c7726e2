"""Programs that are measured, each in a process of its own. Their last line holds their own measurements, as JSON."""
