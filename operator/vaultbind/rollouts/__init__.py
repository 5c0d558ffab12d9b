"""Room of rollouts: workloads are restarted once when the content of their Secret has changed."""
