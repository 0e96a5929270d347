"""Code in fences: Python by its own parser, other languages by the balance of their brackets and strings."""

import re
import warnings
from textwrap import dedent

from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import CODE, PYTHON, tree

_STRING = r'"(?:[^"\\\n]|\\[\s\S]?)*(?:"|(?=\n)|\Z)'
_QUOTED = r"'(?:[^'\\\n]|\\.){0,200}'"
_CHARACTER = r"'(?:[^'\\\n]|\\[^'\n]{1,10}|\\')'"
_BLOCK = r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)"
_BRACKET = r"[()\[\]{}]"

# Every alternative that begins takes what it began, closed or not: a mark that is never closed is read once.
_CURLY = re.compile(rf"//[^\n]*|{_BLOCK}|{_STRING}|{_CHARACTER}|{_BRACKET}")
_RUST = re.compile(rf'//[^\n]*|{_BLOCK}|"(?:[^"\\]|\\[\s\S]?)*(?:"|\Z)|{_CHARACTER}|{_BRACKET}')
_SCRIPT = re.compile(
    rf"//[^\n]*|{_BLOCK}|(?<=[=(,:!&|?{{;\[])[ \t]{{0,4}}/(?![/*])(?:[^/\\\n\[]|\\.|\[[^\]\n]{{0,100}}\]){{1,200}}/|"
    rf"{_STRING}|{_QUOTED}|`(?:[^`\\]|\\[\s\S]?)*(?:`|\Z)|{_BRACKET}"
)
_STYLE = re.compile(rf"{_BLOCK}|{_STRING}|{_QUOTED}|{_BRACKET}")
_QUERY = re.compile(rf"--[^\n]*|{_BLOCK}|'[^']*(?:'|\Z)|{_STRING}|[()]")
_SHARP = re.compile(rf"\#[^\n]*|{_STRING}|{_QUOTED}|{_BRACKET}")

BALANCED: dict[str, re.Pattern[str]] = {
    **dict.fromkeys("c cpp c++ cc h hpp cs csharp c# java kotlin kt swift scala".split(), _CURLY),
    **dict.fromkeys(("rust", "rs"), _RUST),
    **dict.fromkeys("js javascript ts typescript node go golang dart solidity".split(), _SCRIPT),
    **dict.fromkeys("css scss less".split(), _STYLE),
    **dict.fromkeys("sql mysql postgresql postgres sqlite plsql tsql".split(), _QUERY),
    **dict.fromkeys("r julia graphql hcl terraform".split(), _SHARP),
}
"""Language -> what is a string, a comment or a bracket in it."""

FAMILIES: dict[str, frozenset[str]] = {
    "python": PYTHON | {"python2", "ipython", "pycon"},
    "javascript": frozenset({"javascript", "js", "jsx", "node", "ts", "typescript", "html"}),
    "typescript": frozenset({"typescript", "ts", "tsx"}),
    "c++": frozenset({"c++", "cpp", "cc", "hpp", "cxx"}),
    "c#": frozenset({"c#", "cs", "csharp"}),
    "rust": frozenset({"rust", "rs"}),
    "golang": frozenset({"golang", "go"}),
    "bash": frozenset({"bash", "sh", "shell", "zsh", "console"}),
    "sql": frozenset({"sql", "mysql", "postgresql", "postgres", "sqlite", "plsql", "tsql"}),
    "ruby": frozenset({"ruby", "rb"}),
    "kotlin": frozenset({"kotlin", "kt"}),
}
"""Language asked for -> names that fences give it."""

_BRANCHES = re.compile(r"^[ \t]*#[ \t]*el(?:se|if)\b|\$\{[^}`\n]{0,200}`", re.MULTILINE)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SHELL = re.compile(
    r"^[ \t]*(?:[!%$][ \t]?[a-z]|pip3? install |python3? \S+\.py\b|conda )[^\n]*$", re.MULTILINE
)
_SESSION = re.compile(r"^>>> ", re.MULTILINE)
_ELDER = re.compile(r"^[ \t]*(?:print|exec) (?![=(])\S|^[ \t]*except \w+, \w+:|\braise \w+, ", re.MULTILINE)
_PYTHONIC = re.compile(
    r"^[ \t]*(?:def|class|import|from|for|while|if|else|try|with|return|print|raise|async|lambda)\b|"
    r"\w[ \t]*[-+*/]?=|\w\(|^[ \t]*@\w",
    re.MULTILINE,
)
_REMARK = re.compile(r"^([ \t]*)#[^\n]*$", re.MULTILINE)


def broken(language: str, body: str) -> Fault | None:
    """What is broken in code of a language; nothing is said of languages that are not read here."""
    if not body.strip() or len(body) > CODE:
        return None
    if language in PYTHON:
        return python(body)
    tokens = BALANCED.get(language)
    # Brackets need not balance over the branches of a preprocessor, and templates within templates are not read.
    return balance(body, tokens) if tokens and not _BRANCHES.search(body) else None


def python(body: str) -> Fault | None:
    """What Python's parser says. Shell lines of notebooks are passed over, and so are sessions and Python 2."""
    if _SESSION.search(body) or not _PYTHONIC.search(body):
        return None
    source = dedent(body)
    parsed = tree(source)
    if isinstance(parsed, SyntaxError) and _SHELL.search(source):
        source = _SHELL.sub("", source)
        parsed = tree(source)
    if not isinstance(parsed, SyntaxError) or parsed.lineno is None:
        return None
    if _ELDER.search(source):
        return balance(body, _SHARP)
    # A function of which only a remark is shown is a sketch, and no broken code.
    if _sketch(_REMARK.sub(r"\1pass", source)):
        return None
    start = sum(len(one) + 1 for one in body.split("\n")[: parsed.lineno - 1])
    return Fault(f"Python does not parse: {parsed.msg}"[:120], min(start, len(body)))


def _sketch(source: str) -> bool:
    """Whether source with something in place of its remarks is Python, with every return inside a function."""
    if isinstance(tree(source), SyntaxError):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def balance(body: str, tokens: re.Pattern[str]) -> Fault | None:
    """The first bracket that does not match, or the last that is left open; else a string that is left open."""
    opened: list[tuple[str, int]] = []
    string: Fault | None = None
    for found in tokens.finditer(body):
        token = found.group()
        if token in _PAIRS:
            if not opened or opened[-1][0] != _PAIRS[token]:
                return string or Fault(
                    f"code: {token} without its {_PAIRS[token]}", found.start(), found.end()
                )
            opened.pop()
        elif token in ("(", "[", "{"):
            opened.append((token, found.start()))
        elif token[0] == '"' and (len(token) == 1 or token[-1] != '"') and string is None:
            string = Fault("code: a string is left open", found.start(), found.end())
    if opened:
        bracket, start = opened[-1]
        return string or Fault(f"code: {bracket} is never closed", start)
    return None if '"""' in body else string
