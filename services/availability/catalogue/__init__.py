"""A property's rooms, rates and rules: the records, editing them over HTTP and by CSV."""

from services.availability.catalogue.model import (
    About,
    OutsideRecord,
    OutsideWordRecord,
    PackageRecord,
    RateRecord,
    RoomRecord,
    TypeRecord,
)
from services.availability.catalogue.property import (
    Fee,
    Package,
    Property,
    RoomType,
    Supplement,
    Unit,
    check_package_serves,
    check_party_fits,
    plain,
)
from services.availability.catalogue.rate_order import Rate
from services.availability.catalogue.rate_records import check_no_tie
from services.availability.catalogue.repository import CatalogueRepository

__all__ = [
    "About",
    "CatalogueRepository",
    "Fee",
    "OutsideRecord",
    "OutsideWordRecord",
    "Package",
    "PackageRecord",
    "Property",
    "Rate",
    "RateRecord",
    "RoomRecord",
    "RoomType",
    "Supplement",
    "TypeRecord",
    "Unit",
    "check_no_tie",
    "check_package_serves",
    "check_party_fits",
    "plain",
]
