"""The engine's state as bytes: a magic, a version, a checksum, a JSON head and the arrays behind it.

Equal states give equal bytes: names are sorted by the writer, numbers are little-endian.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.errors import DataError

MAGIC = b"understudy-drift\n"
VERSION = 1
Array = npt.NDArray[np.generic]
_MEND = "restore an older snapshot, or delete it and let the log rebuild the state"


def pack(head: Mapping[str, object], arrays: Mapping[str, Array]) -> bytes:
    """Serialise."""
    listing, blobs = [], []
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        listing.append([name, array.dtype.str, list(array.shape)])
        blobs.append(array.tobytes())
    text = json.dumps({"head": head, "arrays": listing}, sort_keys=True, separators=(",", ":")).encode()
    body = len(text).to_bytes(8, "little") + text + b"".join(blobs)
    return MAGIC + VERSION.to_bytes(2, "little") + hashlib.sha256(body).digest() + body


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Parse and verify.

    Raises:
        DataError: not a snapshot, of another version, or damaged.
    """
    start = len(MAGIC)
    if data[:start] != MAGIC or len(data) < start + 42:
        raise DataError(f"drift snapshot: not a snapshot or cut short ({len(data)} bytes); {_MEND}")
    version = int.from_bytes(data[start : start + 2], "little")
    if version != VERSION:
        raise DataError(f"drift snapshot: version {version}, this build reads {VERSION}; {_MEND}")
    body = data[start + 34 :]
    if hashlib.sha256(body).digest() != data[start + 2 : start + 34]:
        raise DataError(f"drift snapshot: checksum does not match, the file is damaged; {_MEND}")
    size = int.from_bytes(body[:8], "little")
    parsed = json.loads(body[8 : 8 + size])
    at, arrays = 8 + size, {}
    for name, kind, shape in parsed["arrays"]:
        dtype = np.dtype(kind)
        length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        arrays[name] = np.frombuffer(body[at : at + length], dtype=dtype).reshape(shape).copy()
        at += length
    return parsed["head"], arrays
