"""Running the hub: the process tree, the embedded broker, checks used by `make` and the continuous build."""
