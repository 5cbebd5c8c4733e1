"""What was measured, and is it safe now? Vocabulary, formats, codecs, store port."""
