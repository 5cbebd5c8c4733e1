"""What does the arithmetic say? Arrays in, arrays out: no nouns, no input or output, no clocks."""
