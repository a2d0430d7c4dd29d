"""An index beside an exported journal: the records of one set without reading those of all others."""
