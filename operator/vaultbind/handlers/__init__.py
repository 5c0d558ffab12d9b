"""Door for Kubernetes: the only place that imports kopf. Handlers parse, call one function, translate."""
