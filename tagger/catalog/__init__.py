"""Catalogs: read them from any layout, clean their labels, cache their photos, split them without leaks."""
