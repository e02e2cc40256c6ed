"""A property's rooms, rates and rules: the records, editing them over HTTP and by CSV."""

from services.availability.catalogue.model import OutsideRecord, RoomRecord, TypeRecord
from services.availability.catalogue.property import (
    Fee,
    Package,
    Property,
    Rate,
    RoomType,
    Supplement,
    Unit,
    check_package_serves,
    check_party_fits,
)
from services.availability.catalogue.repository import CatalogueRepository

__all__ = [
    "CatalogueRepository",
    "Fee",
    "OutsideRecord",
    "Package",
    "Property",
    "Rate",
    "RoomRecord",
    "RoomType",
    "Supplement",
    "TypeRecord",
    "Unit",
    "check_package_serves",
    "check_party_fits",
]
