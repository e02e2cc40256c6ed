"""Unpacks record batches within bounds, so that a few kilobytes cannot exhaust memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import cramjam

MOST_BYTES: Final = 4 * 1024 * 1024  # of one batch, unpacked
FREE_BYTES: Final = 1024 * 1024  # allowed whatever the packed size
MOST_RATIO: Final = 100  # beyond FREE_BYTES: times the packed size
# Clients make one gzip member, or blocks of 32 kB. Each costs time, however small it is.
MOST_MEMBERS: Final = 64
MOST_BLOCKS: Final = 8192

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4  # Kafka's numbers of the codecs
_FIRST_BYTES: Final = 64 * 1024
_BLOCKS_OF_SNAPPY: Final = b"\x82SNAPPY\x00"  # Java's framing: versions, then length and data of each block
_BLOCKS_BEGIN: Final = 16
_GZIP_FRAME: Final = 16 + zlib.MAX_WBITS
_Unpack: TypeAlias = Callable[[bytes, int], bytes]


class CannotUnpack(Exception):
    """The content is too large, damaged, or packed by an unknown codec; the text says which."""


def unpacked(data: bytes, codec: int) -> bytes:
    """The content that `codec` (Kafka's number) packed.

    It has at most MOST_BYTES, and beyond FREE_BYTES at most MOST_RATIO times the packed size. Memory is allocated step
    by step up to that bound.

    Raises:
        CannotUnpack: when there is more, or it is damaged.
    """
    unpack = _CODECS.get(codec)
    if unpack is None:
        raise CannotUnpack(f"it is packed with codec {codec}, which is none of gzip, snappy, lz4 and zstd")
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * len(data)))
    try:
        found: bytes = unpack(data, most)
    except (zlib.error, cramjam.DecompressionError, struct.error, ValueError) as damaged:
        raise CannotUnpack(f"it is damaged: {str(damaged)[:200]}") from damaged
    return found


def _too_large(packed: int, most: int) -> CannotUnpack:
    return CannotUnpack(f"{packed} bytes unpack to more than {most}: send smaller batches, or pack them less")


def _gzip(data: bytes, most: int) -> bytes:
    found = bytearray()
    rest, members = data, 0
    while rest:  # several members may follow each other
        if (members := members + 1) > MOST_MEMBERS:
            raise CannotUnpack(f"it is packed in more than {MOST_MEMBERS} parts: pack it as a whole")
        member = zlib.decompressobj(_GZIP_FRAME)
        found += member.decompress(rest, most - len(found) + 1)
        if len(found) > most:
            raise _too_large(len(data), most)
        if not member.eof:
            raise ValueError("it ends too early")
        rest = member.unused_data
    return bytes(found)


def _snappy(data: bytes, most: int) -> bytes:
    found = bytearray()
    for block in _blocks_of_snappy(data) if data.startswith(_BLOCKS_OF_SNAPPY) else (data,):
        if len(found) + cramjam.snappy.decompress_raw_len(block) > most:  # a block begins with its unpacked size
            raise _too_large(len(data), most)
        found += bytes(cramjam.snappy.decompress_raw(block))
    return bytes(found)


def _blocks_of_snappy(data: bytes) -> Iterator[bytes]:
    at, blocks = _BLOCKS_BEGIN, 0
    while at < len(data):
        if (blocks := blocks + 1) > MOST_BLOCKS:
            raise CannotUnpack(f"it is packed in more than {MOST_BLOCKS} blocks: make larger ones")
        (length,) = struct.unpack_from(">i", data, at)
        at += 4
        if not 0 < length <= len(data) - at:
            raise ValueError("a block reaches beyond its end")
        yield data[at : at + length]
        at += length


def _into_buffer(decompress_into: Callable[[bytes, bytearray], int]) -> _Unpack:
    """Unpack with a function that fills a given buffer: it is small at first, and grows up to the bound."""

    def unpack(data: bytes, most: int) -> bytes:
        size = min(most, max(_FIRST_BYTES, 8 * len(data)))
        while True:
            buffer = bytearray(size)
            try:
                return bytes(memoryview(buffer)[: decompress_into(data, buffer)])
            except cramjam.DecompressionError as fault:
                if "write whole buffer" not in str(fault):
                    raise
            if size == most:
                raise _too_large(len(data), most)
            size = min(most, 4 * size)

    return unpack


_CODECS: Final[Mapping[int, Any]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _into_buffer(cramjam.lz4.decompress_into),
    ZSTD: _into_buffer(cramjam.zstd.decompress_into),
}
