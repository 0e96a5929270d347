"""HPACK's Huffman code (RFC 7541, section 5.2 and appendix B), decoded a byte at a time.

A node is an inner node of the code's tree; its row says, for each next byte, which symbols come out and at which
node that byte ends. Rows are made when first needed: ordinary traffic visits few, and all 256 take a few megabytes.
"""

from typing import Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

_EOS: Final = 256
_ROOT: Final = 0
_DEAD: Final = -1
"""Where EOS leads: a string that holds it is broken (section 5.2)."""

_Row = list[tuple[bytes, int]]


def _tree() -> tuple[list[list[int]], frozenset[int]]:
    """For each node where a 0 and a 1 lead (symbols as ~symbol), and the nodes at which a string may end."""
    nodes: list[list[int]] = [[_ROOT, _ROOT]]
    for symbol, (code, bits) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = _ROOT
        for shift in range(bits - 1, 0, -1):
            way = code >> shift & 1
            if nodes[node][way] == _ROOT:
                nodes.append([_ROOT, _ROOT])
                nodes[node][way] = len(nodes) - 1
            node = nodes[node][way]
        nodes[node][code & 1] = ~symbol
    ends, node = [_ROOT], _ROOT
    for _ in range(7):  # padding: up to seven bits, the first ones of EOS, which are all 1
        node = nodes[node][1]
        ends.append(node)
    return nodes, frozenset(ends)


_NODES, _ENDS = _tree()
_ROWS: Final[list[_Row | None]] = [*([None] * len(_NODES)), [(b"", _DEAD)] * 256]
"""The last row, which index -1 finds, is that of `_DEAD`."""


def _row(start: int) -> _Row:
    row: _Row = []
    for byte in range(256):
        node, out = start, bytearray()
        for shift in range(7, -1, -1):
            node = _NODES[node][byte >> shift & 1]
            if node < 0:
                if ~node == _EOS:
                    node = _DEAD
                    break
                out.append(~node)
                node = _ROOT
        row.append((bytes(out), node))
    _ROWS[start] = row
    return row


def decode(data: bytes) -> bytes | None:
    """The string that `data` encodes, or None when it is broken."""
    node = _ROOT
    parts: list[bytes] = []
    for byte in data:
        out, node = (_ROWS[node] or _row(node))[byte]
        parts.append(out)
    return b"".join(parts) if node in _ENDS else None
