"""Every method of finding similar products, measured side by side on one split of a catalog."""
