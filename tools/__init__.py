"""Programs for building, testing and releasing; none of them is installed."""
