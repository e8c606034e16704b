"""RetailCRM (Simla.com): a CRM for shops; for the hub a destination of orders and the source of their statuses."""
