"""Values that the services take and return."""
