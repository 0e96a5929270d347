"""A refusal in the middle of an answer: the reply had begun to answer, and then declines.

Where a reply declines from its start the refusal analyzer says so. Here a declining sentence must stand far from
the reply's own start and in the assistant's voice: it speaks of helping with *this* request, which the letters
and stories that people ask for do not.
"""

# ruff: noqa: E501, RUF001 - phrases read better unbroken, and their letters are meant

import re

BEGUN = 150
"""Characters after which a reply has begun to answer."""
LATE = 0.1
"""Share of a reply's length after which it has."""

_CUES = (
    "sorry", "apolog", "can't", "can’t", "annot", "can not", "unable to", "not able to", "won't", "won’t", "not programmed",
    "s an AI", "language model", "omfortable", "will not", "do not feel", "gainst my", "guidelines", "decline", "refuse", "violates", "goes against", "comfortable", "siento", "Lamento", "o puedo", "odelo de ", "désolé",
    "navré", "e ne ", "odèle de langage", "leid", "nicht", "Als KI", "into muito", "esculpe", "posso", "spiace", "odello", "spijt", "aaf",
    "idak ", "zgün", "rzepraszam", "rzykro", "in lỗi", "звините", "ростите", "сожалению", "жаль", "рошу прощения", "е могу", "языковая",
    "как ИИ", "क्षमा", "माफ", "खेद", "عذر", "آسف", "عتذر", "أستطيع", "يمكنني", "抱歉", "对不起", "對不起", "不好意思", "我无法", "我不能", "我無法",
    "作为", "作為", "申し訳", "すみません", "お手伝い", "お答え", "죄송", "도와드릴",
)  # fmt: skip
"""Pieces of which every declining sentence holds one: most replies hold none, and are not read again."""

_VERB = r"(?:help|assist|continue|comply|proceed|fulfil+|generate|create|provide|produce|engage|support|participate|discuss|respond|answer|complete|carry out|go on|offer|share|give)"
_THIS = r"(?:(?:you )?with (?:that|this|it\b|your|such|any|the rest|further|creating|the request)|(?:to |in )?(?:that|this|your|such|any)\b|further|you with|(?:harmful|illegal|explicit|inappropriate|unethical|dangerous) )"
_I_CANNOT = r"I(?: am|'m)? ?(?:can ?not|can't|will not|won't|must not|unable to|not able to|not allowed to|not permitted to|(?:do not|don't|not) (?:feel )?comfortable(?: with)?)(?: be able to| to)?"
_PHRASES = (
    rf"(?:(?:I'm|I am) (?:very |really |so |truly )?sorry|I (?:do )?apologi[sz]e|My apologies|Sorry|Unfortunately|However)[,.]? ?(?:but |however,? |that )?{_I_CANNOT} {_VERB}",
    rf"{_I_CANNOT} {_VERB} {_THIS}",
    r"As an? (?:AI|(?:large )?language model|(?:virtual |AI )?assistant)(?: language)?(?: model| assistant)?,? (?:I|it is)\b",
    r"(?:I'm|I am) (?:very |really |so )?sorry,? (?:but )?(?:(?:that|this|your) (?:request|question|content|topic)|as an? (?:AI|language|assistant))",
    r"I(?: do not|'m not| am not| don't) (?:feel )?comfortable (?:with )?(?:continu|provid|generat|writ|creat|assist|help|discuss|answer)ing\b",
    r"(?:It|This|That|Doing so|Continuing) (?:is|would be|goes|would go) against my (?:guidelines|programming|polic|principles|purpose)",
    r"I (?:must|have to|need to) (?:respectfully |politely )?(?:decline|refuse)",
    r"(?:This|Your|That) (?:request|content|prompt) (?:violates|goes against)",
    r"I(?: am|'m) (?:not programmed|programmed not)",
    r"(?:Lo siento|Lo lamento|Lamento|Me disculpo|Disculpa|Disculpe)[,.]? (?:pero )?(?:no (?:puedo|poder|me es posible)|como)",
    r"No puedo (?:ayudar|continuar|cumplir|responder|proporcionar|asistir|seguir)\w{0,3} (?:con|a|en|est|es|tu|su|más)",
    r"Como (?:un )?(?:modelo de l|asistente de|inteligencia artificial|IA\b)",
    r"(?:Je suis (?:vraiment )?)?(?:désolée?|navrée?),? (?:mais )?je ne (?:peux|suis|pourrai)",
    r"Je ne (?:peux|suis|pourrai) pas (?:vous aider|t'aider|continuer|répondre à|fournir|en mesure)",
    r"En tant qu(?:e modèle de langage|e? ?['’]?(?:IA|intelligence artificielle|assistant))",
    r"(?:Es )?tut mir (?:sehr )?leid,? (?:aber )?(?:ich|das|dabei|bei|damit)",
    r"Ich kann (?:Ihnen |dir )?(?:dabei|damit|hierbei|bei dieser|diese Anfrage|das) (?:leider )?nicht",
    r"Als KI\b",
    r"(?:Sinto muito|Desculpe|Lamento)[,.]? (?:mas )?(?:eu )?não (?:posso|consigo)",
    r"(?:Eu )?não posso (?:ajudar|continuar|fornecer|responder|prosseguir) (?:com|a|est|iss|ess)",
    r"Como (?:um )?(?:modelo de linguagem|assistente de IA)",
    r"Mi (?:dispiace|scuso)[,.]? (?:ma )?non (?:posso|sono)",
    r"Non posso (?:aiutar|continuare|fornire|rispondere)\w{0,3} (?:con|a|in|quest|ulterior)",
    r"Come modello (?:linguistico|di linguaggio)",
    r"(?:Het spijt me|Sorry),? (?:maar )?ik kan",
    r"(?:Mohon )?maaf,? (?:tetapi |tapi |namun )?saya tidak (?:bisa|dapat)",
    r"Üzgünüm,? (?:ancak |ama |fakat )",
    r"(?:Przykro mi|Przepraszam),? (?:ale )?nie mogę",
    r"(?:Tôi )?xin lỗi,? (?:nhưng )?tôi không thể",
    r"(?:Извините|Простите|К сожалению|Мне (?:очень )?жаль|Прошу прощения),? (?:но )?я не (?:могу|смогу)",
    r"Я не могу (?:помочь|продолжить|ответить на (?:этот|ваш)|выполнить|предоставить)",
    r"Как (?:языковая модель|ИИ)",
    r"(?:मुझे )?(?:क्षमा करें|माफ़? ?करें|माफ़? ?कीजिए|खेद है)",
    r"(?:عذر[اًا]{1,2}|آسف|أعتذر|أنا آسف)،? (?:لكن |ولكن |و)?(?:لا |لن |ولكن)",
    r"لا (?:أستطيع|يمكنني) (?:مساعدتك|المساعدة|المتابعة|تقديم)",
    r"(?:很?抱歉|对不起|對不起|不好意思)[，,]?(?:但是?)?我(?:无法|不能|無法|不可以)",
    r"我(?:无法|不能|無法)(?:继续|繼續|提供(?:此|该|这|任何)|协助|帮助(?:你|您)|回答(?:此|该|这)|满足)",
    r"(?:作为|作為)(?:一个|一名|一個)?(?:AI|人工智能|语言模型|語言模型)",
    r"申し訳(?:ありません|ございません|ない)(?:が|です)?|(?:すみません|ごめんなさい)(?:が)?、|(?:その|この)(?:ご)?(?:要望|リクエスト|質問)に(?:は)?(?:お答え|対応)",
    r"죄송(?:하지만|합니다만|합니다)[,.]? |(?:저는 )?(?:그|이) 요청을? ",
)
_DECLINE = re.compile("|".join(_PHRASES), re.IGNORECASE)
_ANYWHERE = re.compile(
    rf"(?<!\S)[*_(]{{0,2}}((?:(?:I'm|I am) (?:very |really |so |truly )?sorry|I (?:do )?apologi[sz]e|My apologies|Sorry)[,.]? ?(?:but |however,? )?"
    rf"{_I_CANNOT} {_VERB}|As an AI language model|I must (?:respectfully )?decline|I(?:'m| am) unable to (?:help|assist)\b|"
    rf"I (?:cannot|can't|am unable to) (?:fulfil+|comply with|assist with|help with|continue with) (?:that|this|your|such|any))"
)
"""What so certainly is the assistant's own voice that it may stand anywhere but in quotation marks."""
_SENTENCE = re.compile(r"(?:[.!?:…。！？।؟][\"')*_]{0,3}\s{0,4}|\n\s{0,4})[*_#>\- ]{0,4}")
_PLAIN = str.maketrans("\u2019\u2018", "''")


def splice(text: str) -> tuple[int, str] | None:
    """(where the reply begins to decline, the words); None when it never does after it had begun to answer."""
    begun = max(BEGUN, int(LATE * len(text)))
    if len(text) <= begun or not any(cue in text for cue in _CUES):
        return None
    plain = text.translate(_PLAIN)
    starts = [found.start(1)] if (found := _ANYWHERE.search(plain, begun)) else []
    for sentence in _SENTENCE.finditer(plain, begun, starts[0] if starts else len(plain)):
        if _DECLINE.match(plain, sentence.end()):
            starts.append(sentence.end())
            break
    return (min(starts), text[min(starts) : min(starts) + 60]) if starts else None
