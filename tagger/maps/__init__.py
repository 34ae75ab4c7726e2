"""Maps of an index: all products on a plane, alike ones close together."""
