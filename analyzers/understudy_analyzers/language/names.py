"""The language that a prompt asks the answer to be in, and the languages that it speaks of."""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from collections.abc import Mapping

from understudy_analyzers.expectation import window

_NAMES: Mapping[str, str] = {
    "en": "english inglés inglese englisch anglais inglês ingles английск 英语 英文 英語 영어 inggris tiếng_anh",
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
    "bg": "bulgarian",
    "mr": "marathi",
    "ne": "nepali",
    "gu": "gujarati",
    "pa": "punjabi",
    "kn": "kannada",
    "ml": "malayalam",
    "sw": "swahili kiswahili",
    "tl": "tagalog filipino",
    "la": "latin latín latein",
    "ca": "catalan catalán",
    "eu": "basque",
    "ms": "malay",
    "cy": "welsh",
    "ga": "irish gaelic",
    "af": "afrikaans",
    "sr": "serbian",
    "hr": "croatian",
    "sk": "slovak",
    "sl": "slovenian slovene",
    "et": "estonian",
    "lv": "latvian",
    "lt": "lithuanian",
    "is": "icelandic",
    "eo": "esperanto",
}
_CODE = {name.replace("_", " "): code for code, names in _NAMES.items() for name in names.split()}
_PLAIN = frozenset(_CODE)
_LATIN = re.compile(r"[a-z]+")
_NAME = "(" + "|".join(sorted(map(re.escape, _CODE), key=len, reverse=True)) + ")"
_ASKED = re.compile(
    rf"\b(?:translat\w{{1,4}}|traduc\w{{1,4}}|tradui\w{{1,4}}|traduz\w{{0,4}}|tradur\w{{0,4}}|übersetz\w{{0,4}})\b[^\n]{{0,60}}?"
    rf"\b(?:to|into|in|al|en|a|au|ins|auf|para|em|nach)(?: the| o| l'| le)? {_NAME}\b"
    rf"|\b(?:answer|reply|respond|write|say|written|speak|summari[sz]e|explain|describe|entire response|response|output|"
    rf"only|text|poem|story|email|letter|essay|sentence|this|that|it)\b[^.\n]{{0,30}}? (?:only |entirely |back )?(?:in|using) (?:the )?{_NAME}\b"
    rf"|\b(?:responde|contesta|escribe|réponds|répondez|écris|écrivez|antworte|schreibe?|rispondi|scrivi|responda|escreva)\b"
    rf"[^.\n]{{0,30}}? (?:en|auf|in|em) {_NAME}\b"
    rf"|\b(?:use|using|in)(?: only| just)?(?: the)? {_NAME}(?: language)?(?: (?:only|throughout|in your)\b|, no other|,? and no other)"
    rf"|\b(?:use|using) only (?:the )?{_NAME}\b|\bin the {_NAME} language\b"
    rf"|(?:^|[.!?\n] ?)(?:in|auf|en|em) {_NAME}[,:.)]|\(in {_NAME}\)|\b(?:in|auf|en|em) {_NAME}[.!?)]?$"
    rf"|(?:用|使用|翻译成|翻譯成|译成|译为){_NAME}|{_NAME}(?:で|に翻訳|로 |으로 )",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    r"\b(?:from|not)(?: the)? $|\b(?:mistakes?|errors?|word|meaning|mean|people|history|learn|class|speakers?)\b[^.\n]{0,14}$",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\btranslat|\btradu[cizr]|\bübersetz|\bперевед|перевод|翻译|翻譯|翻訳|번역|ترجم|अनुवाद|\bterjemah|\bdịch\b|\bçevir|"
    r"\b(?:different|foreign|other|second|native|target|another|two|both|multiple|many|local|ancient|spoken|official|several|"
    r"all|any|which|what|new|learn(?:ing)? (?:a|the)) languages?\b|\blanguages? (?:learn|barrier|exchange|class|teacher|school|course)"
    r"|\bmultilingual|\bbilingual|\bidiomas?\b|\blangues?\b|\bsprachen?\b|\blíngua|\blingu[ae]\b|\bbahasa\b|"
    r"\balphabet|\bloan ?words?\b|\betymolog|\blorem ipsum\b|外国語|外语|语言|言語|언어",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\b{_NAME}", re.IGNORECASE)


def asked(prompt: str) -> str | None:
    """The language a prompt asks the answer to be in, as its ISO 639-1 code; None when it names none."""
    text = window(prompt)
    # Most prompts name no language, and a set says so faster than a pattern. Outside ASCII, names are inflected.
    if text.isascii() and _PLAIN.isdisjoint(_LATIN.findall(text.lower())):
        return None
    for found in _ASKED.finditer(text):
        name = next((group for group in found.groups() if group), "")
        at = text.lower().find(name.lower(), found.start())
        if not _AGAINST.search(text[max(0, at - 24) : at]) and (code := _CODE.get(name.lower())):
            return code
    return None


def about(prompt: str, code: str) -> bool:
    """True when an answer to a prompt may rightly hold language `code` as well: it is about languages, or names it."""
    text = window(prompt)
    return _ABOUT.search(text) is not None or any(
        _CODE[found.group().lower()] == code for found in _NAMED.finditer(text)
    )
