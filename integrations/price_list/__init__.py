"""Any catalogue that is published as a file at a link."""
