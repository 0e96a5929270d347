"""Whose words they are: what a reply quotes, stages or writes for somebody is not said in its own voice."""

# ruff: noqa: RUF001 - marks of other scripts are meant

import re

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00a0": " ", "İ": "i"})
_QUOTED = re.compile(
    r"\"[^\"\n]{12,600}\"|“[^”\n]{12,600}”|«[^»\n]{12,600}»|„[^“”\n]{12,600}[“”]|「[^」\n]{6,600}」|『[^』\n]{6,600}』|"
    r"```[^`]{0,4000}(?:```|$)|^>[^\n]{0,600}",
    re.MULTILINE,
)
_SPEECH = re.compile(
    r"^[*_#]{0,3}[^\W\d_][\w .'-]{0,24}[*_]{0,3}[:：][*_]{0,3}[ \t][^\n]{0,600}", re.MULTILINE
)
_WORK = re.compile(
    r"[\s*_#]{0,6}(?:(?:subject|betreff|objet|asunto|assunto|oggetto|тема|dear|to:|from:|re:|"
    r"sehr geehrte|estimad[oa]|prezad[oa]|"
    r"chère?|gentile|уважаем\w{2}|once upon|int\.|ext\.|def|import|class|select|function)(?!\w)[^\n]|"
    r"尊敬的|親愛|亲爱|拝啓|عزيزي|प्रिय|[{]|\[\s{0,9}[{\"\[\]]|#!|<[!?a-z])"
)


def fold(text: str) -> str:
    """Lower case and plain apostrophes, as long as before."""
    folded = text.translate(_PLAIN)
    lower = folded.lower()
    return lower if len(lower) == len(folded) else "".join(c.lower()[:1] for c in folded)


def voice(text: str) -> str:
    """A reply in its own voice: quotations, code and dialogue blanked, positions kept."""
    text = _QUOTED.sub(lambda m: "\0" * len(m.group()) if m.start() > 0 else m.group(), text)
    speeches = list(_SPEECH.finditer(text))
    if len(speeches) >= 2 and text[: speeches[0].start()].strip() == "":
        text = _SPEECH.sub(lambda m: "\0" * len(m.group()), text)
    return text


def work(text: str) -> bool:
    """Whether it opens as a letter, a scene, code or data: a piece of work that was asked for."""
    return _WORK.match(text) is not None
