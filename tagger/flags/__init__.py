"""Flags: a feed-forward network predicts a product's boolean columns from its metadata."""
