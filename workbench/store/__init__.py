"""The only SQL: the log, what is projected from it, recorded bars, datasets; and the reads that pages are made of."""
