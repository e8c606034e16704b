"""KeyCRM: orders or pipeline cards out, their statuses both ways, the catalogue in, notices of what staff change."""
