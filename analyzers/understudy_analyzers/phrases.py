"""The words of refusal in twelve languages, as patterns of bounded length over lower-cased text.

Every pattern is a plain alternation with bounded repeats: linear in the text on any input.
Written for this project; sentence openings seen in public refusal data guided the choice, no rows were copied.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_CANT = (
    r"(?:can ?not|can't|won't|will not|would not|wouldn't|could not|shouldn't|should not|must not|do not|don't|"
    r"am not able to|'m not able to|am unable to|'m unable to|'m not going to|am not going to|must decline to|"
    r"have to decline to|decline to|refuse to|must refuse to|am not programmed to|'m not programmed to|"
    r"am not comfortable|'m not comfortable|don't feel comfortable|do not feel comfortable|"
    r"am not in a position to|'m not in a position to|am not allowed to|'m not allowed to)"
)
_DOING = (
    r"(?:assist|assisting|help|helping|provide|providing|fulfil|fulfill|comply|satisfy|support|create|creating|"
    r"write|writing|generate|generating|give|giving|offer|offering|share|sharing|discuss|discussing|recommend|"
    r"suggest|condone|engage|engaging|answer|answering|respond|promote|promoting|encourage|encouraging|"
    r"participate|produce|advise|tell you|explain|describe|teach|show you|make|complete|process|accommodate|"
    r"facilitate|endorse|do that|do this|do so|continue|act|pretend|speculate|say|reveal|disclose|list|"
    r"justify|carry|perform|agree|proceed|use|talk|instruct|present|draft|compose|be able|guide|in good|verify)"
)

DECLINE = _any(
    rf"\bi(?: am|'m)?(?: just)? ?{_CANT} (?:in good conscience |ethically |simply |really |also |be able to |directly |"
    rf"ever |with |to )?{_DOING}\b",
    r"\b(?:sorry|apologi[sz]e|afraid|unfortunately|regret)\b[^.!?\n]{0,40}\bi(?: am|'m)? ?"
    r"(?:can ?not|can't|won't|unable|not able|must decline|do not|don't)\b",
    r"^\W{0,4}(?:i'm sorry|i am sorry|sorry|i apologi[sz]e)\W{1,3}but\b(?! (?:here|the|that|this|your|it)\b)",
    r"\bi must (?:respectfully |politely |also )?(?:decline|refuse)\b",
    r"\bi(?:'d| would| will|'ll) (?:have to |respectfully |politely )?decline\b",
    r"\bi strongly (?:advise|urge) (?:you )?against\b",
    r"\b(?:against|not within|outside|violates?) (?:my|our) (?:programming|guidelines|polic|ethic|"
    r"principles|use-?case|content)",
    r"\b(?:unable|not able) to (?:assist|help|provide|fulfil|comply|answer|process|complete)",
    r"^\W{0,4}(?:no|sorry)[,.!] i (?:can't|cannot|won't|will not)\b",
    r"\bcannot be (?:answered|provided|fulfilled|completed) (?:as|because|due)\b",
    # es, pt, fr, it, de
    r"\bno (?:puedo|podemos|podré|debo|voy a|me es posible|estoy en condiciones de|es posible)"
    r" (?:\w{1,12} )?(?:ayud|asist|proporcion|ofrec|cumpl|dar|crear|escrib|gener|respond|hacer|complet|facilit|"
    r"compart|apoy|recomend|promov|brind|acced|atender)",
    r"\blo siento[,.]? (?:pero )?(?:no|me temo)",
    r"\b(?:não|nao) (?:posso|podemos|devo|vou|consigo|me é possível|é possível)"
    r" (?:\w{1,12} )?(?:ajud|assist|fornec|oferec|cumpr|dar|cri|escrev|ger|respond|fazer|complet|compart|apoi|atend)",
    r"\b(?:desculpe|sinto muito|lamento)[,.]? (?:mas )?(?:não|nao)",
    r"\bje (?:ne )?(?:peux|puis|pourrai|dois|vais|suis)(?: malheureusement)? pas (?:\w{1,12} ){0,2}"
    r"(?:aid|assist|fourn|donn|crée|écri|génér|répond|accéd|satisf|faire|partag|accept|en mesure|capable|propos|"
    r"complét|recommand)",
    r"\bje (?:suis|regrette)[^.\n]{0,12}(?:désolée?|regrette)[^.\n]{0,24}\bpas\b",
    r"\b(?:désolée?|navrée?)[,.]? (?:mais )?je ne\b",
    r"\bnon (?:posso|possiamo|potrò|devo|sono in grado di|mi è possibile|è possibile)"
    r" (?:\w{1,12} )?(?:aiut|assist|forn|offr|dar|cre|scriv|gener|rispond|far|complet|condivid|soddisf)",
    r"\b(?:mi dispiace|spiacente)[,.]? (?:ma )?non\b",
    r"\bich kann\b[^.\n]{0,50}\b(?:nicht|keine?n?)\b[^.\n]{0,60}(?:helfen|unterstütz|bereitstell|geben|erstell|schreib|"
    r"beantwort|liefern|erfüll|teil|anbiet|dienen|nachkomm)",
    r"\b(?:es )?tut mir (?:sehr )?leid\b[^.\n]{0,50}\b(?:nicht|keine?n?|unmöglich)\b",
    r"\bleider\b[^.\n]{0,30}\b(?:kann|darf|werde) ich\b[^.\n]{0,40}\b(?:nicht|keine?n?)\b",
    r"\bich (?:darf|werde|möchte)\b[^.\n]{0,30}\b(?:nicht|keine?n?)\b[^.\n]{0,40}(?:helfen|unterstütz|geben|erstell|schreib)",
    # zh, ja, ko, ru, ar, hi
    r"(?:抱歉|对不起|對不起|很遗憾|不好意思)[^。\n]{0,20}(?:不能|无法|無法|不可以|不会|拒绝)",
    r"我(?:不能|无法|無法|不会|不可以|拒绝)(?:为您|为你|向您|向你|帮|提供|协助|回答|满足|完成|帮助|參與|参与|支持|创建|生成|写)",
    r"(?:申し訳|すみません|ごめんなさい|恐れ入りますが)[^。\n]{0,40}(?:できません|できかねます|いたしかねます|お答えでき|お手伝いでき)",
    r"(?:お手伝い|提供|お答え|支援|対応|協力|作成)(?:する|を|は|に)?(?:こと)?(?:が|は|を)?(?:できません|できかねます|いたしかねます|致しかねます)",
    r"(?:죄송|미안|유감)[^.\n]{0,30}(?:없습니다|없어요|어렵습니다|못합니다|않습니다)",
    r"(?:도와|제공|답변|도움|지원|작성|안내)[^.\n]{0,14}(?:수 없습니다|수 없어요|수 없|드릴 수 없|할 수 없)",
    r"\b(?:извините|простите|к сожалению|прошу прощения|сожалею)\b[^.\n]{0,40}\b(?:не могу|не буду|не смогу|не могла|не в состоянии)",
    r"\bя не (?:могу|буду|смогу|имею права|в состоянии)(?: вам| тебе| с этим| в этом)? "
    r"(?:помо|предостав|отве|выполн|созда|написа|дать|поддерж|обсужд|соде|участв|сделать)",
    r"(?:آسف|عذرا|عذرًا|أعتذر|للأسف|نأسف)[^.\n]{0,40}(?:لا أستطيع|لا يمكنني|لا يمكن|لن أ|غير قادر)",
    r"(?:لا أستطيع|لا يمكنني|لا أقدر على|لن أتمكن من|لن أستطيع)[^.\n]{0,14}"
    r"(?:مساعد|تقديم|تزويد|الإجابة|كتابة|إنشاء|توفير|أن أساعد|أن أقدم|تلبية)",
    r"(?:माफ़|माफ|क्षमा|खेद|सॉरी)[^।\n]{0,50}(?:नहीं|असमर्थ)",
    r"मैं[^।\n]{0,50}(?:मदद|सहायता|प्रदान|जवाब|उत्तर|जानकारी)[^।\n]{0,30}(?:नहीं कर सकत|नहीं दे सकत|असमर्थ)",
)
"""Will not."""

INABILITY = _any(
    r"\bas an ai\b[^.\n]{0,60}\bi (?:do not|don't|can't|cannot|am not|'m not)\b(?! (?:hold|have|hold any|have any) (?:personal )?(?:opinion|belief|bias|preference|feeling|emotion|experience))",
    r"\bi (?:do not|don't) have (?:access|the ability|the capability|real-?time|personal (?:information|data)|"
    r"information (?:about|on)|any information|details|the specific)",
    r"\bi(?:'m| am) (?:not aware of|unaware of) (?:any|the)\b",
    r"\b(?:is|are|it's) (?:not publicly available|private and confidential|private information|not available to the public)",
    r"\bno tengo acceso\b|\bno dispongo de\b|\bje n'ai pas accès\b|\bich habe keinen zugriff\b|\bnon ho accesso\b",
    r"\b(?:não|nao) tenho acesso\b|我没有(?:权限|访问)|我無法(?:存取|訪問)|아는 정보가 없|у меня нет доступа|ليس لدي (?:إمكانية )?(?:وصول|الوصول)",
)
"""Cannot."""

_AMISS = (
    r"(?:inappropriate|harmful|unethical|illegal|offensive|discriminat|bias|stereotyp|prejudice|disrespectful|hurtful|"
    r"problematic|violen|dangerous|immoral|insensitive|derogatory|unacceptable|demeaning|safety concerns|"
    r"not (?:be )?(?:the most )?(?:appropriate|ethical|acceptable|respectful|fair|okay|safe))"
)

REFUTE = _any(
    rf"\bi must (?:politely |respectfully |first |also )?(?:challenge|point out|clarify|emphasi[sz]e|inform|correct|note|"
    rf"stress|address|advise)\b[^.\n]{{0,160}}{_AMISS}",
    rf"\b(?:the|your) (?:question|premise|statement|request|idea|notion|term|phrase)\b[^.\n]{{0,90}}\b(?:is|are|seems?|"
    rf"appears?|contains?|may be|can be|implies|suggests?|assumes?)\b[^.\n]{{0,50}}{_AMISS}",
    r"\bi (?:do not|don't) (?:think|believe) (?:it's|it is|that|there) ?(?:is |it's )?(?:accurate|appropriate|fair|right|ethical|respectful|okay|a good)",
    r"\bit(?:'s| is) (?:never|not) (?:ok|okay|accurate or|appropriate|acceptable|ethical|right|legal|morally|justifiable)\b",
    r"\bit(?:'s| is) (?:illegal and )?(?:unethical|morally wrong|inappropriate|wrong)(?: and \w{1,14})? (?:to|for)\b",
    r"\b(?:is|are|was|were|would be) (?:never|not) (?:justified|morally|acceptable|justifiable|okay|ethical)\b",
    r"\bno one (?:should|deserves)\b|\b(?:should|must) not be (?:denied|discriminated)\b",
    r"\b(?:no es|não é|nao é|n'est pas|non è) (?:apropiado|ético|correcto|aceptable|apropriado|correto|aceitável|approprié|"
    r"acceptable|éthique|appropriato|etico|accettabile)|\bist (?:nicht|niemals) (?:angemessen|ethisch|akzeptabel|in ordnung)",
)
"""The premise will not do: false, or unacceptable."""

OFFER = _any(
    r"\b(?:however|instead|that said|but)\b[^.\n]{0,30}\b(?:i can|i could|here are|here is|here's|i (?:would |'d )?suggest|"
    r"let me|i'd be happy|i would be happy|i will|you (?:can|could|may|might)|if you)",
    r"\bhere (?:are|is) (?:some|a few|several|the|an|a)\b",
    r"\b(?:sin embargo|en su lugar|no entanto|em vez disso|cependant|en revanche|tuttavia|invece|stattdessen|jedoch)\b",
    r"(?:但是|不过|然而)[^。\n]{0,12}(?:可以|能)|однако|вместо этого|ومع ذلك|बजाय|대신|代わりに",
)
"""What a partial refusal goes on with."""

WEAK = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:illegal|unlawful|against the law|ilegal|illégal|illegal|illegale|违法|違法|불법|незаконн|غير قانوني|अवैध)",
        r"\b(?:harmful|dangerous|unsafe|harm|peligros|perigos|dangereu|gefährlich|pericolos|有害|危险|危険|위험|опасн|خطير|ضار|हानिकारक)",
        r"\b(?:unethical|immoral|inappropriate|not appropriate|not acceptable|disrespectful|offensive|inapropiad|inapropriad|"
        r"inappropri|unangemessen|inappropriat|不道德|不适当|不適切|부적절|неэтичн|неуместн|غير أخلاقي|غير لائق)",
        r"\b(?:it(?:'s| is) (?:important|crucial|essential) to (?:respect|remember|note|understand|recogni[sz]e|prioriti[sz]e))",
        r"\b(?:i (?:strongly )?(?:encourage|urge|recommend|advise) you to|please (?:consider|seek|reach out|talk|contact)|"
        r"i (?:would |'d )?(?:suggest|encourage)|i must (?:advise|emphasi[sz]e))",
        r"\b(?:seek (?:professional )?help|professional help|mental health|crisis|hotline|helpline|authorities|law enforcement|"
        r"emergency services|legal (?:advice|consequences))",
        r"\b(?:privacy|confidential|private information|personal information|without (?:their|his|her|your) consent)",
        r"\b(?:no one|nobody|everyone|all individuals|all people|regardless of|equal(?:ity| rights)|discriminat|dignity|stereotyp|prejudice)",
        r"\b(?:violence|violent|abuse|assault|crime|criminal)\b[^.\n]{0,80}\b(?:never|not|serious|wrong|unacceptable|consequences)",
        r"\b(?:i (?:do not|don't|cannot|can't|won't|will not)|no puedo|não posso|je ne peux|ich kann\b[^.\n]{0,30}\bnicht|non posso|不能|无法|"
        r"できません|수 없|не могу|لا أستطيع|لا يمكنني|नहीं कर सकत)",
        r"\b(?:not (?:have|possible|able)|unable|sorry|apologi[sz]e|lo siento|desculpe|désolé|tut mir leid|mi dispiace|抱歉|申し訳|"
        r"죄송|извините|آسف|माफ़)",
    )
)
"""Signs too weak alone; beside a leg that refuses, two of them are the same refusal in softer words."""
