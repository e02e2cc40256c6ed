"""A bank's CSV: how each bank writes it is a layout."""

from services.payments.feeds.csv.layout import CsvLayout
from services.payments.feeds.csv.reader import read_csv

__all__ = ["CsvLayout", "read_csv"]
