"""Turn spill-over: the reply runs on into turns nobody took, or shows the template's own tokens."""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and their letters are meant

import re

_TOKEN = re.compile(
    r"<\|[a-z_]{2,24}(?:\|>|｜>)|<｜[^｜<>\n]{2,40}｜>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|"
    r"(?<![\w/])</?s>(?![^\n]{0,40}</s>\w)|<(?:unk|pad|eos|bos)>|\[(?:PAD|UNK|EOS|CLS|SEP)\]|<0x[0-9A-F]{2}>"
)
_TURN = re.compile(
    r"^ {0,3}(?:#{2,3} ?(?:Instruction|Response|Human|User|Input|Assistant)s?:|"
    r"\*{0,2}(?:USER|Human|User|HUMAN|Usuario|Utilisateur|Benutzer|Usuário|Utente|Пользователь)\*{0,2}:\*{0,2} |"
    r"(?:用户|人类|ユーザー|사용자)[:：])",
    re.MULTILINE,
)
_ANSWERED = re.compile(
    r"^ {0,3}\*{0,2}(?:Assistant|ASSISTANT|AI|Bot|Asistente|Assistent)\*{0,2}:\*{0,2}[ \n]", re.MULTILINE
)
_LEAKED = re.compile(r"(?:\w|^)[ĠĊ](?=\w)|\w▁(?=\w)")
_LABELS = (
    "User", "USER", "Human", "HUMAN", "##", "Usuario", "Utilisateur", "Benutzer", "Usuário", "Utente", "Пользователь",
    "用户", "人类", "ユーザー", "사용자",
)  # fmt: skip
_ANSWERERS = ("ssistant", "ASSISTANT", "AI", "Bot", "Asistente", "Assistent")
_STAGED = re.compile(
    r"\bdialog|\bconversation|\binterview|\btranscript|\bskit\b|\bscreenplay|\bchat ?(?:log|bot|s\b|between|history)|"
    r"\brole-?play|\buser stor|\bfew-?shot|###|\bfine-?tun|\btokeni[sz]|conversaci|gespräch|diálogo|对话|対話|会話|대화",
    re.IGNORECASE,
)


def spill(text: str, prompt: str) -> tuple[int, str] | None:
    """(where it runs on, what is there); None when it does not, or when the prompt speaks of such things."""
    hits = [hit for hit in _turns(text) if hit.group().strip() not in prompt]
    if hits and _STAGED.search(prompt):
        hits = []
    if ("<" in text or "[" in text) and (token := _TOKEN.search(text)) and token.group() not in prompt:
        hits.append(token)
    if not hits:
        return None
    first = min(hits, key=lambda hit: hit.start())
    return first.start(), first.group().strip()


def _turns(text: str) -> list[re.Match[str]]:
    """The first label of a user's turn, of an assistant's after other text, and tokens that leaked."""
    hits = []
    if any(label in text for label in _LABELS) and (user := _TURN.search(text)):
        hits.append(user)
    # A label at the very start is a habit of speech.
    if any(label in text for label in _ANSWERERS) and (own := _ANSWERED.search(text, 1)):
        if text[: own.start()].strip():
            hits.append(own)
    if not text.isascii() and len(leaked := list(_LEAKED.finditer(text[:50_000]))) >= 3:
        hits.append(leaked[0])
    return hits
