"""The XMP property DigitalSourceType in images and movies: what many tools show, and what no signature protects.

PNG keeps XMP in an iTXt chunk, JPEG in an APP1 segment, TIFF in tag 700, MP4 and QuickTime in a uuid box at the end
(XMP specification, part 3); of anything else a file beside it, NAME.xmp, keeps it.
"""

from __future__ import annotations

import mmap
import re
import struct
import zlib
from pathlib import Path

from ..errors import ProvenanceError

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a recording with parts made by a trained network."""
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
JPEG_HEADER, PNG_HEADER = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0\0\0\0\0"
UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
TIFF_TAG = 700
MOVIES = frozenset({".mp4", ".m4v", ".mov"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
DESCRIPTION = f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}" Iptc4xmpExt:DigitalSourceType="{COMPOSITE}"/>'
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{DESCRIPTION}</rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
)
PROPERTY = re.compile(r'DigitalSourceType(?:="|\s*>)\s*([^"<]*)')


def beside(path: Path) -> Path:
    """Where the XMP of a file lies that cannot hold it."""
    return path.with_suffix(".xmp")


def write(path: Path) -> None:
    """Says in the file, or beside it, that a part of it was made by a trained network. Raises ProvenanceError."""
    try:
        suffix = path.suffix.lower()
        if suffix in MOVIES:
            _append_box(path)
        elif suffix in IMAGES:
            data = path.read_bytes()
            put = {".png": _in_png, ".tif": _in_tiff, ".tiff": _in_tiff}.get(suffix, _in_jpeg)
            path.write_bytes(put(data, _merged(data)))
        else:
            beside(path).write_text(PACKET, encoding="utf-8")
    except (OSError, struct.error, ValueError, IndexError) as error:
        raise ProvenanceError(f"XMP cannot be written into {path.name}: {error}.") from error


def read(path: Path) -> str:
    """The DigitalSourceType of a file, or of the .xmp beside it; empty if there is none. Raises ProvenanceError."""
    try:
        own = _packet(path)
        if not own and beside(path).exists():
            own = beside(path).read_bytes()
    except OSError as error:
        raise ProvenanceError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    found = PROPERTY.search(own.decode("utf-8", "replace"))
    return found[1].strip() if found else ""


def _packet(path: Path) -> bytes:
    """The last packet in a file: XMP is made to be found without knowing the format."""
    if not path.stat().st_size:
        return b""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.rfind(b"<x:xmpmeta")
        end = data.find(b"</x:xmpmeta>", start)
        return bytes(data[start:end]) if 0 <= start < end else b""


def _merged(data: bytes) -> bytes:
    """The packet of an image with the property in it, or a new one."""
    start, end = data.find(b"<x:xmpmeta"), data.find(b"</x:xmpmeta>")
    old = data[start:end].decode("utf-8", "replace") if 0 <= start < end else ""
    if "</rdf:RDF>" not in old or "xmlns:rdf=" not in old:
        return PACKET.encode()
    old = old.replace(DESCRIPTION, "")
    old = re.sub(r'\s[\w.-]+:DigitalSourceType="[^"]*"', "", old)
    old = re.sub(r"<([\w.-]+:DigitalSourceType)\b[^>]*>.*?</\1>", "", old, flags=re.DOTALL)
    head, _, tail = old.rpartition("</rdf:RDF>")
    return f"{head}{DESCRIPTION}</rdf:RDF>{tail}</x:xmpmeta>".encode()


def _in_png(data: bytes, packet: bytes) -> bytes:
    """Puts the chunk behind the header, and leaves out an older one."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("it is no PNG file")
    chunks, at = [], 8
    while at < len(data):
        size = 12 + struct.unpack_from(">I", data, at)[0]
        chunks.append(data[at : at + size])
        at += size
    body = b"iTXt" + PNG_HEADER + packet
    new = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    kept = [chunk for chunk in chunks[1:] if not chunk[4:].startswith(b"iTXtXML:com.adobe.xmp\0")]
    return b"".join([data[:8], chunks[0], new, *kept])


def _in_jpeg(data: bytes, packet: bytes) -> bytes:
    """Puts the segment behind those of JFIF and Exif, and leaves out an older one."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("it is no JPEG file")
    if len(packet) + len(JPEG_HEADER) + 2 > 0xFFFF:
        raise ValueError("its XMP is too large for one segment")
    kept, at = [], 2
    while data[at] == 0xFF and data[at + 1] in (0xE0, 0xE1):
        size = 2 + struct.unpack_from(">H", data, at + 2)[0]
        if not data[at + 4 :].startswith(JPEG_HEADER):
            kept.append(data[at : at + size])
        at += size
    body = JPEG_HEADER + packet
    return b"".join([data[:2], *kept, b"\xff\xe1", struct.pack(">H", len(body) + 2), body, data[at:]])


def _in_tiff(data: bytes, packet: bytes) -> bytes:
    """Appends the packet and a copy of the first directory that names it, and points the header to that."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or struct.unpack_from(order + "H", data, 2)[0] != 42:
        raise ValueError("it is no TIFF file (BigTIFF is not known here)")
    first = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, first)[0]
    entries = [data[first + 2 + 12 * index : first + 14 + 12 * index] for index in range(count)]
    following = data[first + 2 + 12 * count : first + 6 + 12 * count]
    data += bytes(len(data) % 2)
    kept = {struct.unpack(order + "H", entry[:2])[0]: entry for entry in entries}
    kept[TIFF_TAG] = struct.pack(order + "HHII", TIFF_TAG, 1, len(packet), len(data))
    packet += bytes(len(packet) % 2)
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept[tag] for tag in sorted(kept)) + following
    place = struct.pack(order + "I", len(data) + len(packet))
    return data[:4] + place + data[8:] + packet + directory


def _append_box(path: Path) -> None:
    """Behind the last box of a movie, where it moves nothing."""
    body = UUID + PACKET.encode()
    with path.open("r+b") as file:
        end, at = file.seek(0, 2), 0
        while at < end:
            file.seek(at)
            size, kind = struct.unpack(">I4s", file.read(8))
            if size == 1:
                size = struct.unpack(">Q", file.read(8))[0]
            if size < 8 or at + size > end or (at == 0 and kind not in (b"ftyp", b"wide", b"mdat", b"moov", b"skip")):
                raise ValueError("it is no whole MP4 or QuickTime file; write it anew (ffmpeg -c copy)")
            at += size
        file.seek(end)
        file.write(struct.pack(">I", len(body) + 8) + b"uuid" + body)
