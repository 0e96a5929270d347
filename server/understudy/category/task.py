"""The type of task, by rules over both ends of the prompt.

Rules are tried in order and the first that speaks decides; English with the common words of Spanish, French,
German, Portuguese and Italian. A prompt that nothing speaks for is a question when it asks and chat when not.

What each rule can match holds a word that begins with one of its stems. Most prompts hold the stems of one rule or of
none, and to look for them takes a fraction of the time that all the rules do; the tests hold stems and rules together.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from typing import Final

from understudy.pair import Category, Request

HEAD, TAIL = 700, 300
"""Characters read from each end: instructions stand at the start or the end."""

STEM: Final = 4
"""Letters of a word that stand for it, if it has so many."""


def _stems(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RULES: Final[tuple[tuple[str, frozenset[str], re.Pattern[str]], ...]] = (
    (
        "tool",
        _stems("tool func para acce avai plug"),
        re.compile(
            r'<tools?>|"tool_calls?"|"function_call"|"parameters"\s?:\s?\{|\baccess to the following (?:tools|functions)\b|'
            r"\[available_tools\]|<\|plugin\|>"
        ),
    ),
    (
        "translation",
        _stems("tran trad über say span germ fren ital port"),
        re.compile(
            r"\b(?:translat(?:e|ion)\b|traduc(?:e|ir|ción|i)\b|tradui[st]|übersetz|traduz|tradurre\b|how (?:do|would) (?:you|i) say\b[^\n]{0,40}\bin \w|"
            r"in (?:spanish|german|french|italian|portuguese)\?)"
        ),
    ),
    (
        "summarisation",
        _stems("summ tl tldr resu résu zusa fass rias key"),
        re.compile(
            r"\b(?:summari[sz]e|(?:a|an?(?: \w{1,12})?|brief|short|concise|give|write) summary\b|summary of\b|tl;?dr\b|resum(?:e|ir|en)\b|résum|zusammenfass|fasse\b[^\n]{0,60}\bzusammen\b|riassum|key points of\b)"
        ),
    ),
    (
        "extraction",
        _stems("json extr pars enti yaml xml clas sent"),
        re.compile(
            r"\b(?:json|extract|parse the|entities|extrae|extrai[rst]|extrahiere|yaml|xml|classif(?:y|ication)|sentiment)\b"
        ),
    ),
    (
        "code",
        _stems(
            "` pyth java type c gola rust sql bash html css rege kotl php comp debu stac def impo func "
            "scri prog algo meth"
        ),
        re.compile(
            r"```|\b(?:python|javascript|typescript|java|c\+\+|golang|rust|sql|bash|html|css|regex|kotlin|php|compile|debug|stack trace|def \w{1,40}\(|import \w|"
            r"(?:function|script|program|algorithm|method)\b[^\n]{0,20}\b(?:that|which|to|in|for)\b[^\n]{0,40}\b(?:return|print|sort|comput|calculat|pars|read|write|implement|tak))(?!\w)"
        ),
    ),
    (
        "counting",
        _stems("coun numb cuen núme zähl zahl comp nomb"),
        re.compile(
            r"\bcount (?:up |down |backwards |out )?(?:from|to|in)\b|\b(?:every|all) numbers? (?:from|between)\b|\bnumbers from \d|\bcuenta (?:de|desde|hasta)\b|"
            r"\bnúmeros de \d|\bzähle\b|\balle zahlen\b|\bcompte(?:z)? (?:de|jusqu)|\bles nombres de \d"
        ),
    ),
    (
        "list",
        _stems("list poin tabl csv give name aufz top"),
        re.compile(
            r"\b(?:bullet|numbered|ordered|markdown|to-?do|shopping) (?:list|points?|table)|\bcsv\b|\b(?:as|into|in) an? (?:\w+ )?(?:list|table)\b|"
            r"\blist (?:of )?(?:\d{1,3}|all|the|some|three|five|ten)\b|\b(?:give me|name|list) (?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten) \w|"
            r"\blista (?:de|numerada)\b|\bliste (?:de|numérotée|à puces)\b|\baufzählung|\btop \d{1,3}\b"
        ),
    ),
    (
        "rewriting",
        _stems("rewr reph para rewo proo poli make corr fix say rees refo umfo risc"),
        re.compile(
            r"\b(?:rewrite|rephrase|paraphrase|reword|proofread|polite version|make (?:this|it) (?:more )?(?:formal|casual|shorter|polite|friendl)|"
            r"correct the (?:grammar|spelling|following)|fix the grammar|say it like)\b|\breescrib|\breformul|\bumformulier|\briscriv|\breescrev"
        ),
    ),
    (
        "creative",
        _stems("writ comp crea tell make inve craf escr écri schr"),
        re.compile(
            r"\b(?:write|compose|create|tell|make up|invent|craft)\b[^\n]{0,50}\b(?:poem|story|song|lyrics|haiku|limerick|tale|novel|script|dialogue|joke|rap|verse|"
            r"slogan|tagline|fiction)\b|\bescribe (?:un|una) (?:poema|cuento|historia|canción)|\bécris (?:un|une) (?:poème|histoire|chanson)|\bschreibe? (?:ein|eine) (?:gedicht|geschichte|lied)"
        ),
    ),
    (
        "math",
        _stems(
            "0 calc comp solv equa inte deri arit perc many much sum conv squa prob cuán wie wiev quan days "
            "week hour comb"
        ),
        re.compile(
            r"\b(?:calculate\b|compute\b|solve\b|equation|integral\b|derivative|arithmetic|percent(?:age)?\b|how (?:many|much)\b|sum of\b|convert \d|square root|"
            r"probability\b|\d{1,12}\s?[-+*/x^]\s?\d|\d{1,12} (?:plus|minus|times|divided by|más|menos|por|mal|fois|moins) \d|cuánt[oa]s?\b|combien (?:font|de)\b|"
            r"wie ?viele?\b|quant[oie]\b|(?:days|weeks|hours) (?:after|later|before)\b|in \d{1,4} (?:days|weeks|hours)\b|\d{1,9} \w{4,14} in \w{4,14}\?)"
        ),
    ),
    (
        "safety",
        _stems(
            "bomb weap expl kill murd suic self hack malw viru rans phis pois stea frau laun coun drug "
            "coca hero meth abus assa raci hate terr stal blac forg fake spy pist burg brea caug perm arma "
            "roba mata vene fals gift waff steh töte gefä vole tuer arme faux"
        ),
        re.compile(
            r"\b(?:bomb|weapon|explosiv|kill|murder|suicide|self-harm|hack|malware|virus|ransomware|phishing|poison|steal|fraud|launder|counterfeit|drugs?|cocaine|heroin|"
            r"meth|abuse|assault|racis|hate speech|terroris|stalk|blackmail|forge|fake passport|spy app|pistol|burglar|break into|without (?:being caught|a permit)|"
            r"bomba|arma|robar|matar|pistola|veneno|falso|gift(?!s|ed| card)|waffe|stehlen|töten|pistole|gefälscht|voler|tuer|arme|poison|faux)"
        ),
    ),
)
_FIGURES: Final = frozenset({"0"})
"""Stands for whatever figures there are: arithmetic needs no word."""
_FENCE: Final = frozenset({"`"})
"""Stands for the mark that code is set off with."""
_STEMS: Final = frozenset().union(*(stems for _, stems, _ in _RULES))
_WORD: Final = re.compile(r"\w+")
_DIGIT: Final = re.compile(r"\d")
_WIDE: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("translation", re.compile(r"翻译|翻譯|翻訳|번역|перевед|ترجم|अनुवाद")),
    ("summarisation", re.compile(r"总结|總結|要約|요약|кратко излож|لخص|सारांश")),
    ("code", re.compile(r"代码|コード|코드|функци[юя] на|كود|कोड")),
    ("math", re.compile(r"计算|計算|계산|сколько|вычисли|احسب|गणना")),
)
"""Scripts without spaces between words, or without our alphabet: tried only where they occur."""
_ASKS = re.compile(
    r"[?？]|\b(?:what|who|where|when|why|how|which|explain|describe|tell me|qué|quién|dónde|cuándo|cómo|was|wer|wo|wann|warum|wie|que|qui|où|quand|pourquoi|comment)\b"
)


def _told(text: str) -> frozenset[str]:
    """The stems that rules know of the words in a text, already in lower case."""
    stems = _STEMS.intersection([word[:STEM] for word in _WORD.findall(text)])
    if _DIGIT.search(text):
        stems |= _FIGURES
    if "```" in text:
        stems |= _FENCE
    return stems


class Task:
    """The type of task: one of tool, translation, summarisation, extraction, code, counting and so on, else chat."""

    name = "task"

    def categorize(self, request: Request) -> Category | None:
        """The first rule that speaks; None without a prompt text."""
        text = request.text
        if not text.strip():
            return None
        if len(text) > HEAD + TAIL:
            text = text[:HEAD] + "\n" + text[-TAIL:]
        # Folded once: a pattern that ignores case cannot skip ahead to its first letter.
        text = text.lower()
        stems = _told(text)
        if stems:
            for value, known, rule in _RULES:
                if not known.isdisjoint(stems) and rule.search(text):
                    return Category(value, "rule")
        if not text.isascii():
            for value, rule in _WIDE:
                if rule.search(text):
                    return Category(value, "rule")
        return Category("question" if "?" in text or _ASKS.search(text) else "chat", "rule")
