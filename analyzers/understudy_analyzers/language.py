"""Language: is a reply in the language it should be in?

Expected is the language the prompt asks for ("Translate to Spanish", "auf Deutsch"), else the prompt's own.
Detection is py3langid (naive Bayes over byte n-grams) restricted to LANGUAGES. Text that says little about its
language does not apply: under 20 letters, code, JSON, tables of numbers. When in doubt nothing is wrong.
"""

# ruff: noqa: E501 - word lists read better unbroken, and their letters are meant

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.expectation import Structure, expect, window

LANGUAGES = (
    "ar bg bn cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv nl no pl pt ro ru sk sl sv ta te th tr uk ur "
    "vi zh"
).split()
"""ISO 639-1 codes told apart. Close kin of one of them (gl, ca, ms, sr) are left out on purpose."""
SHORTEST = 20
"""Letters below which a text does not say its language."""
SURE = 0.9
"""Probability from which a detected language counts as found."""
SAMPLE = 500
"""Characters detected per text: half from its start, half from its end, where drift shows."""

_NAMES: Mapping[str, str] = {
    "en": "english inglés inglese englisch anglais inglês ingles английск 英语 英文 英語 영어",
    "es": "spanish español espanol spagnolo spanisch espagnol espanhol castellano испанск 西班牙语 スペイン語 스페인어",
    "de": "german alemán aleman tedesco deutsch allemand alemão немецк 德语 ドイツ語 독일어",
    "fr": "french francés frances francese französisch français francais francês французск 法语 フランス語 프랑스어",
    "it": "italian italiano italienisch italien итальянск 意大利语 イタリア語 이탈리아어",
    "pt": "portuguese portugués portoghese portugiesisch portugais português portugues португальск 葡萄牙语",
    "nl": "dutch holandés olandese niederländisch néerlandais holandês nederlands",
    "ru": "russian ruso russo russisch russe русск 俄语 ロシア語 러시아어",
    "zh": "chinese mandarin chino cinese chinesisch chinois chinês китайск 中文 汉语 中国語 중국어",
    "ja": "japanese japonés giapponese japanisch japonais japonês японск 日语 日文 日本語 일본어",
    "ko": "korean coreano koreanisch coréen корейск 韩语 韓国語 한국어",
    "ar": "arabic árabe arabo arabisch arabe арабск 阿拉伯语 アラビア語 العربية",
    "hi": "hindi हिंदी हिन्दी",
    "tr": "turkish turco türkisch turc türkçe",
    "pl": "polish polaco polacco polnisch polonais polski",
    "id": "indonesian indonesio indonesia",
    "vi": "vietnamese vietnamita vietnamesisch vietnamien tiếng_việt",
    "sv": "swedish sueco svedese schwedisch suédois svenska",
    "uk": "ukrainian ucraniano ukrainisch ukrainien українськ",
    "el": "greek griego greco griechisch grec",
    "he": "hebrew hebreo ebraico hebräisch hébreu",
    "cs": "czech checo ceco tschechisch tchèque",
    "fi": "finnish finlandés finnisch finnois suomeksi",
    "da": "danish danés dänisch danois dansk",
    "no": "norwegian noruego norwegisch norvégien norsk",
    "ro": "romanian rumano rumänisch roumain română",
    "hu": "hungarian húngaro ungarisch hongrois magyar",
    "th": "thai tailandés thailändisch",
    "fa": "persian farsi",
    "ta": "tamil",
    "te": "telugu",
    "bn": "bengali",
    "ur": "urdu",
}
_CODE = {name.replace("_", " "): code for code, names in _NAMES.items() for name in names.split()}
_NAME = "(" + "|".join(sorted(map(re.escape, _CODE), key=len, reverse=True)) + ")"
_ASKED = re.compile(
    rf"\b(?:translat\w{{1,4}}|traduc\w{{1,4}}|tradui\w{{1,4}}|traduz\w{{0,4}}|tradur\w{{0,4}}|übersetz\w{{0,4}})\b[^\n]{{0,60}}?"
    rf"\b(?:to|into|in|al|en|a|au|ins|auf|para|em|nach)(?: the| o| l'| le)? {_NAME}\b"
    rf"|\b(?:answer|reply|respond|write|say|written|speak|summari[sz]e|explain|describe|entire response|response|output|"
    rf"only|text|poem|story|email|letter|essay|sentence|this|that|it)\b[^.\n]{{0,30}}? (?:only |entirely |back )?(?:in|using) (?:the )?{_NAME}\b"
    rf"|\b(?:responde|contesta|escribe|réponds|répondez|écris|écrivez|antworte|schreibe?|rispondi|scrivi|responda|escreva)\b"
    rf"[^.\n]{{0,30}}? (?:en|auf|in|em) {_NAME}\b"
    rf"|(?:^|[.!?\n] ?)(?:in|auf|en|em) {_NAME}[,:.)]|\(in {_NAME}\)|\b(?:in|auf|en|em) {_NAME}[.!?)]?$"
    rf"|(?:用|使用|翻译成|翻譯成|译成|译为){_NAME}|{_NAME}(?:で|に翻訳|로 |으로 )",
    re.IGNORECASE,
)
_HOW = re.compile(
    r"\bhow (?:do|would|can|does) (?:you|i|one|we)\b|\bcómo se dice\b|\bcomment dit-on\b|\bwie sagt man\b",
    re.I,
)
_AGAINST = re.compile(
    r"\b(?:from|not)(?: the)? $|\b(?:mistakes?|errors?|word|meaning|mean|people|history|learn|class|speakers?)\b[^.\n]{0,14}$",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"```[^`]{0,20000}(?:```|$)|`[^`\n]{1,200}`|https?://\S{1,400}|\S{1,80}@\S{1,80}|\$[^$\n]{1,200}\$|<[^<>\n]{1,120}>|"
    r"[\d\W_]{3,}",
)
_KIN = ({"da", "no", "sv"}, {"cs", "sk"}, {"hr", "sl"}, {"ru", "uk", "bg"}, {"hi", "ur"}, {"fa", "ar", "ur"})


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...

    def set_languages(self, codes: Sequence[str]) -> None: ...


@cache
def _identifier() -> _Identifier:
    """py3langid's model, loaded once on first use (half a second, 40 MB)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made: _Identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(LANGUAGES)
    return made


def prepare(text: str) -> str:
    """What of a text says its language: words, without code, addresses, markup and figures."""
    if len(text) > SAMPLE * 6:
        text = text[: SAMPLE * 3] + "\n" + text[-SAMPLE * 3 :]
    text = " ".join(_NOISE.sub(" ", text).split())
    return text if len(text) <= SAMPLE else text[: SAMPLE // 2] + " " + text[-SAMPLE // 2 :]


def letters(text: str) -> int:
    """Letters of a text, ideographs and syllables counted threefold because each says more."""
    return sum((3 if ord(c) > 0x2E80 else 1) for c in text if c.isalpha())


def detect(text: str) -> tuple[str, float] | None:
    """(language, probability) of a text; None when it is too short to tell."""
    prepared = prepare(text)
    if letters(prepared) < SHORTEST:
        return None
    code, probability = _identifier().classify(prepared)
    return code, float(probability)


def asked(prompt: str) -> str | None:
    """The language a prompt asks the answer to be in; None when it names none."""
    text = window(prompt)
    for found in _ASKED.finditer(text):
        name = next((group for group in found.groups() if group), "")
        at = text.lower().find(name.lower(), found.start())
        if not _AGAINST.search(text[max(0, at - 24) : at]) and (code := _CODE.get(name.lower())):
            return code
    return None


def kin(left: str, right: str) -> bool:
    """True for languages a detector confuses on short texts."""
    return left == right or any(left in group and right in group for group in _KIN)


class Language:
    """Whether each leg's reply is in another language than the one expected."""

    name = "language"
    version = "1"
    metrics = (
        Metric(
            "wrong_language", Sense.BAD, "the reply is in another language than asked for", prefix_safe=True
        ),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when the expected language is known and a reply is long enough to tell."""
        prompt = pair.request.text
        if expect(prompt).structure in (Structure.JSON, Structure.CODE, Structure.CSV, Structure.CHOICE):
            return ()
        wanted = asked(prompt)
        own = detect(prompt) if wanted is None or _HOW.search(window(prompt)) else None
        if wanted is None:
            if own is None or own[1] < SURE:
                return ()
            wanted = own[0]
        # "How do you say ... in French?" may be answered in French or about French.
        also = own[0] if own else wanted

        def one(text: str) -> judge.Found | None:
            if structure.looks_json(text) or structure.looks_python(text) or (found := detect(text)) is None:
                return None
            code, probability = found
            wrong = probability >= SURE and not (kin(code, wanted) or kin(code, also))
            places = ((0, len(text), code),) if wrong else ()
            return judge.Found(float(wrong), places, f"{code} ({probability:.2f}), expected {wanted}")

        found = judge.each(judge.texts(pair), one)
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()
