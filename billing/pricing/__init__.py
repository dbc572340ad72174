"""Prices: immutable, published price books. A new price is a new book."""
