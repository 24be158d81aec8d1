"""Other precisions and other engines' formats."""
