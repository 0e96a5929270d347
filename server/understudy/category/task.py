"""The type of task, by rules over both ends of the prompt.

Rules are tried in order and the first that speaks decides; English with the common words of Spanish, French,
German, Portuguese and Italian. A prompt that nothing speaks for is a question when it asks and chat when not.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re

from understudy.pair import Category, Request

HEAD, TAIL = 700, 300
"""Characters read from each end: instructions stand at the start or the end."""

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "tool",
        re.compile(
            r'<tools?>|"tool_calls?"|"function_call"|"parameters"\s?:\s?\{|\baccess to the following (?:tools|functions)\b|'
            r"\[available_tools\]|<\|plugin\|>"
        ),
    ),
    (
        "translation",
        re.compile(
            r"\b(?:translat(?:e|ion)\b|traduc(?:e|ir|ción|i)\b|tradui[st]|übersetz|traduz|tradurre\b|how (?:do|would) (?:you|i) say\b[^\n]{0,40}\bin \w|"
            r"in (?:spanish|german|french|italian|portuguese)\?)"
        ),
    ),
    (
        "summarisation",
        re.compile(
            r"\b(?:summari[sz]e|(?:a|an?(?: \w{1,12})?|brief|short|concise|give|write) summary\b|summary of\b|tl;?dr\b|resum(?:e|ir|en)\b|résum|zusammenfass|fasse\b[^\n]{0,60}\bzusammen\b|riassum|key points of\b)"
        ),
    ),
    (
        "extraction",
        re.compile(
            r"\bjson\b|\bextract\b|\bparse the\b|\bentities\b|\bextrae\b|\bextrai[rst]\b|\bextrahiere\b|\byaml\b|\bxml\b|\bclassif(?:y|ication)\b|\bsentiment\b"
        ),
    ),
    (
        "code",
        re.compile(
            r"```|\b(?:python|javascript|typescript|java|c\+\+|golang|rust|sql|bash|html|css|regex|kotlin|php|compile|debug|stack trace|def \w{1,40}\(|import \w|"
            r"(?:function|script|program|algorithm|method)\b[^\n]{0,20}\b(?:that|which|to|in|for)\b[^\n]{0,40}\b(?:return|print|sort|comput|calculat|pars|read|write|implement|tak))(?!\w)"
        ),
    ),
    (
        "counting",
        re.compile(
            r"\bcount (?:up |down |backwards |out )?(?:from|to|in)\b|\b(?:every|all) numbers? (?:from|between)\b|\bnumbers from \d|\bcuenta (?:de|desde|hasta)\b|"
            r"\bnúmeros de \d|\bzähle\b|\balle zahlen\b|\bcompte(?:z)? (?:de|jusqu)|\bles nombres de \d"
        ),
    ),
    (
        "list",
        re.compile(
            r"\b(?:bullet|numbered|ordered|markdown|to-?do|shopping) (?:list|points?|table)|\bcsv\b|\b(?:as|into|in) an? (?:\w+ )?(?:list|table)\b|"
            r"\blist (?:of )?(?:\d{1,3}|all|the|some|three|five|ten)\b|\b(?:give me|name|list) (?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten) \w|"
            r"\blista (?:de|numerada)\b|\bliste (?:de|numérotée|à puces)\b|\baufzählung|\btop \d{1,3}\b"
        ),
    ),
    (
        "rewriting",
        re.compile(
            r"\b(?:rewrite|rephrase|paraphrase|reword|proofread|polite version|make (?:this|it) (?:more )?(?:formal|casual|shorter|polite|friendl)|"
            r"correct the (?:grammar|spelling|following)|fix the grammar|say it like)\b|\breescrib|\breformul|\bumformulier|\briscriv|\breescrev"
        ),
    ),
    (
        "creative",
        re.compile(
            r"\b(?:write|compose|create|tell|make up|invent|craft)\b[^\n]{0,50}\b(?:poem|story|song|lyrics|haiku|limerick|tale|novel|script|dialogue|joke|rap|verse|"
            r"slogan|tagline|fiction)\b|\bescribe (?:un|una) (?:poema|cuento|historia|canción)|\bécris (?:un|une) (?:poème|histoire|chanson)|\bschreibe? (?:ein|eine) (?:gedicht|geschichte|lied)"
        ),
    ),
    (
        "math",
        re.compile(
            r"\b(?:calculate\b|compute\b|solve\b|equation|integral\b|derivative|arithmetic|percent(?:age)?\b|how (?:many|much)\b|sum of\b|convert \d|square root|"
            r"probability\b|\d{1,12}\s?[-+*/x^]\s?\d|\d{1,12} (?:plus|minus|times|divided by|más|menos|por|mal|fois|moins) \d|cuánt[oa]s?\b|combien (?:font|de)\b|"
            r"wie ?viele?\b|quant[oie]\b|(?:days|weeks|hours) (?:after|later|before)\b|in \d{1,4} (?:days|weeks|hours)\b|\d{1,9} \w{4,14} in \w{4,14}\?)"
        ),
    ),
    (
        "safety",
        re.compile(
            r"\b(?:bomb|weapon|explosiv|kill|murder|suicide|self-harm|hack|malware|virus|ransomware|phishing|poison|steal|fraud|launder|counterfeit|drugs?|cocaine|heroin|"
            r"meth|abuse|assault|racis|hate speech|terroris|stalk|blackmail|forge|fake passport|spy app|pistol|burglar|break into|without (?:being caught|a permit)|"
            r"bomba|arma|robar|matar|pistola|veneno|falso|gift(?!s|ed| card)|waffe|stehlen|töten|pistole|gefälscht|voler|tuer|arme|poison|faux)"
        ),
    ),
)
_WIDE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("translation", re.compile(r"翻译|翻譯|翻訳|번역|перевед|ترجم|अनुवाद")),
    ("summarisation", re.compile(r"总结|總結|要約|요약|кратко излож|لخص|सारांश")),
    ("code", re.compile(r"代码|コード|코드|функци[юя] на|كود|कोड")),
    ("math", re.compile(r"计算|計算|계산|сколько|вычисли|احسب|गणना")),
)
"""Scripts without spaces between words, or without our alphabet: tried only where they occur."""
_ASKS = re.compile(
    r"[?？]|\b(?:what|who|where|when|why|how|which|explain|describe|tell me|qué|quién|dónde|cuándo|cómo|was|wer|wo|wann|warum|wie|que|qui|où|quand|pourquoi|comment)\b"
)


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
        for value, rule in _RULES:
            if rule.search(text):
                return Category(value, "rule")
        if not text.isascii():
            for value, rule in _WIDE:
                if rule.search(text):
                    return Category(value, "rule")
        return Category("question" if _ASKS.search(text) else "chat", "rule")
