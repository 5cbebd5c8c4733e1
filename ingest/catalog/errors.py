"""What can go wrong with the catalog."""

from ingest.errors import IngestError


class CatalogError(IngestError):
    """The catalog can't be opened, or refuses what it is told; a sentence a line."""
