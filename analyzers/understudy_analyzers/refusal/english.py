"""What English replies say when they decline, cannot, refute, send elsewhere, and when they answer.

Patterns are read over lower-cased text with plain apostrophes, start at a word, and repeat within bounds.
"""

# ruff: noqa: E501 - word lists read better unbroken

_NOT = (
    r"(?:can ?not|can't|cant|won't|will not|(?:am |'m )?(?:not able|unable) to|(?:am |'m )not (?:going|willing|allowed|permitted|"
    r"programmed|designed|authori[sz]ed|in a position|prepared|here|equipped) to|(?:must|have to|need to|will have to|am going to have to|"
    r"'m going to have to|'ll have to) (?:respectfully |politely )?(?:decline|refuse)(?: to)?|decline to|refuse to|cannot and will not|"
    r"can't and won't|will never|should not|shouldn't|must not|may not|am legally not able to)"
)
_HOW = (
    r"(?:(?:in good conscience|in good faith|ethically|legally|simply|really|actually|also|directly|ever|currently|personally|be able to|"
    r"possibly|safely|knowingly|responsibly|morally|and will not|or will not|in any way|under any circumstances|just|even|"
    r"to|you|be|you with|with),? ){0,2}"
)
_DO = (
    r"(?:assist|help|provid|fulfil|comply|satisfy|support|creat|generat|produc|offer(?:ing)? |giv(?:e|ing) (?:you|out|any|advice|instruct|tips|"
    r"guid|inform|detail|personal|medical|legal|financial|an? )|shar(?:e|ing) (?:that|this|any|inform|personal|private|details|such|my|the)|"
    r"discuss|recommend|suggest|condon|engag|promot|encourag|participat|facilitat|endors|answer|respond|draft|compos|teach|"
    r"instruct|guid|tell(?:ing)? you|show(?:ing)? you|walk(?:ing)? you|do (?:that|this|so|what)|proceed|accommodat|process (?:this|that|your)|advis|"
    r"advocat|speculat|disclos|reveal|justif|fabricat|perpetuat|contribut|tolerat|writ(?:e|ing) (?:an?|the|that|this|such|about|any|content|something|"
    r"code|it|you|your|stories|jokes|fake|false|hate|malicious)|mak(?:e|ing) (?:jokes|a joke|fun|such|claims|any|derogatory|offensive|harmful|that|this|content|statements|assumptions)|"
    r"tell (?:jokes|a joke|such|that)|explain (?:how|why|that|this)|describe|act as|pretend|role-?play|play along|go along|take part|be part|"
    r"agree (?:with|to)|complete (?:this|that|your|the)|carry out|perform|execute|continue (?:with|this)|say (?:that|whether|why)|use (?:derogatory|offensive|"
    r"such|slurs|racial|language)|list|put together|develop|build|design|devis|plan|outline|translat|repeat|insult|harass|impersonat|recreat|access|open|"
    r"verify|confirm|predict|determine|locat|find (?:any|out|that|this|the)|look up|browse|identify)"
)

_IDIOM = r"(?!i can(?:'t|not) (?:help (?:but|it|feel|think|wonder|notic|laugh|smil|lov|myself)|recommend (?:\w{1,14} ){1,4}(?:enough|more)|(?:describe|explain|tell you) (?:how much|the feeling|everything))\b)"
"""Not a refusal: `I can't help but smile`, `I cannot recommend it highly enough`."""

DECLINE = (
    rf"{_IDIOM}i(?:'m| am)? ?(?:just |truly |really |simply |unfortunately,? |also |therefore,? |afraid (?:that )?i )?{_NOT} {_HOW}{_DO}",
    r"(?:sorry|apologi[sz]e|apologies|afraid|unfortunately|regret(?:tably)?)\b[^.!?\n]{0,60}?\bi(?:'m| am)? ?(?:cannot|can't|can not|won't|will not|unable|"
    r"not able|not allowed|must (?:decline|refuse)|have to decline)\b(?! (?:find|see|tell which|tell if|locate|understand|stop|wait|believe))",
    r"i(?:'m| am) sorry,? but (?:as an? |no\b|that|what you|it is (?:not|un|il)|it's (?:not|un|il)|this (?:request|is)|your request|the (?:request|idea))[^.\n]{0,120}",
    r"i (?:must|have to|need to|would like to|will|'ll|'d like to) (?:also |respectfully |politely |firmly |strongly )?(?:decline|refuse|refrain)",
    r"i(?:'d| would)? (?:have to |respectfully |politely |firmly )?(?:declin|refus)e?\b",
    r"i(?:'d| would) (?:rather|prefer) not\b",
    r"i(?:'m| am) (?:not|un)? ?comfortable (?:with|discuss|provid|help|assist|shar|writ|creat|engag|answer|generat)",
    r"i (?:do not|don't|wouldn't|would not) feel (?:comfortable|right)",
    r"i(?:'m| am) not comfortable",
    r"i (?:do not|don't|can't|cannot|could never|would never|will never|never) (?:condone|endorse|support (?:or|any|the|such)|promote|engage in|encourage|advocate|participate in|provide|assist)",
    r"(?:that|this|it)(?:'s| is)(?: simply| really)? (?:not something|something) (?:that )?i(?:'m| am)? ?(?:can(?:not|'t)?|won't|will not|not able|not willing|will(?:ing)? |would|am not|unable|able)",
    r"(?:against|violat(?:es?|ing)|outside(?: of)?|not within|beyond|contrary to|prevent|conflict(?:s|ing)? with|not (?:in line|consistent) with|breach(?:es)?) (?:of )?(?:my|our|openai|the usage|the content|anthropic|google|meta)'?s? ?"
    r"(?:\w{1,12} ){0,2}(?:programming|guideline|polic|ethic|principle|use-?case|content|values|purpose|rules|capabilit|scope|design|terms)",
    r"(?:my|our) (?:\w{1,12} ){0,2}(?:programming|guidelines|policy|policies|ethics|principles|values|purpose) (?:prevent|prohibit|forbid|(?:do|does) not allow|(?:do|does)n't allow|don't permit|do not permit|restrict|require me to (?:decline|refuse))",
    r"(?:unable|not able|(?:not possible|impossible) for me|inappropriate(?: for me)?|not appropriate(?: for me)?|unethical for me|irresponsible(?: of me| for me)?|wrong of me|not acceptable for me) to (?:assist|help (?:you )?with|provide|fulfil|comply|answer|process|complete|generate|give|offer|discuss|engage|"
    r"promote|encourage|create|share|suggest|write|make|respond)",
    r"(?:no|nope|sorry|absolutely not|never)[,.!:;]{1,3} i (?:can't|cannot|won't|will not|refuse)\b(?! (?:think|feel|see|be|taste|remember|recall|believe))",
    r"(?:sorry|apologies)[,.]? (?:but )?(?:can't|cannot|no can do|unable)",
    r"(?:request|question|prompt|query) (?:cannot|can't|can not|will not) be (?:answered|fulfilled|accommodated|granted)",
    r"(?:cannot|can't|can not) (?:and will not )?(?:be (?:answered|fulfilled|assisted)|assist|comply|fulfil|help (?:with|you with) (?:that|this))",
    r"let's (?:talk about|discuss|change|move on to) (?:something else|the (?:subject|topic)|another|a different)|(?:is not|isn't|are not|aren't) something (?:that )?i (?:can|will|do|am|feel)\b",
    r"let's (?:not (?:discuss|do|talk|go there|make fun|engage|use|joke)|keep (?:things|this|it|our conversation) (?:respectful|appropriate|positive))",
    r"(?:can|could) (?:we|i) (?:talk about|help you with|assist you with) something else",
    r"i(?:'m| am) (?:only )?(?:here|designed|programmed|meant|built|trained) to (?:be |promote |provide |offer |assist |help |follow |prioriti[sz]e |generate )"
    r"[^.\n]{0,60}(?:safe|harmless|ethical|respectful|positive|appropriate|responsible|unbiased)",
)
"""Will not."""

INABILITY = (
    r"as an? (?:\w{1,12} ){0,2}(?:ai|artificial intelligence|language model|large language model|assistant|chatbot|llm|text-based)\b[^.\n]{0,80}?\bi (?:do not|don't|can't|cannot|am not|'m not|am unable|lack)\b"
    r"(?! (?:hold|have|hold any|have any|have the ability to|have the capacity to|possess|experience|form) (?:any )?(?:think|feel|taste|personal|opinion|belief|bias|preference|feeling|emotion|experience|favorite|favourite|a favou?rite|physical|own))",
    r"i (?:do not|don't|don't currently|lack|do not currently|have no) (?:actually |currently )?(?:have )?(?:any )?(?:direct |real |live |the )?(?:access|ability\b(?! to (?:think|feel|taste|have|experience))|abilities|capability|capabilities|capacity|real-?time|up-to-date|"
    r"personal (?:information|data|details)|information (?:about|on|regarding)|way of knowing|way to (?:know|access|see|check|verify)|knowledge of|means to|record of|data (?:on|about)|details (?:about|on)|specific information|enough information|sufficient information|memory of)",
    r"i (?:do not|don't) (?:actually )?know (?:the answer|your|what your|enough|any(?:thing|one)|of any|who (?:that|this)|this|that)\b",
    r"i(?:'m| am) (?:not aware of|unaware of|not familiar with|unfamiliar with|not sure (?:who|what|which|where)|unsure)",
    r"i(?:'m| am) (?:unable|not able) to (?:browse|access|see|view|hear|open|check|verify|find|retrieve|look|search|predict|determine|process|play|perceive|send|make calls)",
    r"(?<!while )(?<!although )(?<!though )i can(?:not|'t) (?:browse|access|see|view|hear|open|check|verify|find|retrieve|look up|search|predict|watch|perceive|send|remember|recall|determine)\b",
    r"(?:is|are|it's|isn't|aren't|not been) (?:not |kept )?(?:publicly (?:available|known|disclosed|accessible)|private and confidential|private information|confidential|available to the public|public (?:information|knowledge|record))",
    r"(?:there is|there's) no (?:publicly available |public |available |known |reliable |official )?(?:information|record|records|data|details)\b",
    r"(?:the (?:provided |given |above )?(?:text|context|passage|document|article|image|file)) (?:does not|doesn't|did not) (?:mention|contain|provide|specify|include|say|state)",
    r"i(?:'m| am) (?:not sure|unsure) what you(?:'re| are) (?:asking|referring)|not clear what you are asking",
    r"i(?:'m| am) (?:a|an|just an?|only an?) (?:\w{1,12} ){0,3}(?:ai|intelligence|model|assistant|program|chatbot|language model)[^.\n]{0,30}(?:and |so |,)[^.\n]{0,20}(?:do not|don't|can't|cannot|not able|unable)\b(?! (?:have|experience|feel|possess) (?:any )?(?:feeling|emotion|personal|opinion|belief|preference|conscious|sens))",
)
"""Cannot: no access, no body, no such knowledge."""

_AMISS = (
    r"(?:inappropriat|harmful|unethical|illegal|offensive|discriminat|bias|stereotyp|prejudice|disrespectful|hurtful|"
    r"problematic|violen|danger|immoral|insensitive|derogatory|unacceptable|demeaning|safety|misinform|racis|sexis|unfair|"
    r"not (?:be |a |an )?(?:the most |entirely )?(?:appropriate|ethical|acceptable|respectful|fair|okay|ok|safe|right|legal))"
)

REFUTE = (
    rf"i must (?:politely |respectfully |first |also |firmly )?(?:challenge|point out|clarify|emphasi[sz]e|inform|correct|note|stress|address|advise|say|state|remind|disagree)\b[^.\n]{{0,160}}{_AMISS}",
    rf"i (?:want|would like|need|have|feel|'d like) to (?:\w{{1,12}} )?(?:clarify|emphasi[sz]e|point out|correct|note|stress|address|make it clear|make clear|be clear|remind|inform)\b[^.\n]{{0,160}}{_AMISS}",
    rf"(?:the|your|this|that) (?:question|premise|statement|request|idea|notion|term|phrase|assertion|claim|assumption|suggestion|query|concept|belief|way of thinking)\b[^.\n]{{0,90}}\b(?:is|are|seems?|"
    rf"appears?|contains?|may be|can be|could be|implies|suggests?|assumes?|perpetuates?|promotes?|based on|relies on|rests on|lacks?)\b[^.\n]{{0,60}}{_AMISS}",
    r"(?:premise|assumption)s?\b[^.\n]{0,40}(?:incorrect|false|flawed|mistaken|wrong|inaccurate|unfounded|harmful|offensive|baseless|misguided|not (?:correct|accurate|true|universally))|(?:false|harmful|incorrect|inaccurate) (?:and \w{1,12} )?(?:premise|assumption)",
    r"i (?:do not|don't) (?:think|believe|agree) (?:that |with |it's |it is |there |is |in ){0,3}(?:accurate|appropriate|fair|right|ethical|respectful|okay|ok|productive|good|the premise|discriminat|generali|stereotyp|acceptable)",
    r"it(?:'s| is|'s just| is simply)(?: simply| also| absolutely| definitely)? (?:never|not) (?:ok|okay|accurate (?:or|and|nor|to (?:say|suggest|assume|claim|generali))|appropriate|acceptable|ethical|right|legal|morally|justifiable|fair|respectful|productive|possible to (?:justify|steal|kill)|safe or|recommended|advisable|kind)",
    r"(?<!that )(?<!if )(?<!when )(?<!whether )it(?:'s| is|'s both| is both| would be)(?: highly| extremely| completely| always| generally)? (?:illegal and |dangerous and )?(?:unethical|morally|immoral|inappropriate|wrong|harmful|irresponsible|unacceptable|hurtful|unfair|discriminatory|disrespectful|offensive|illegal and (?:unethical|harmful|wrong))\b",
    r"(?:is|are|was|were|would be) (?:simply |completely |absolutely )?(?:never|not) (?:justif|morally|acceptable|okay|ethical|appropriate|a joke|funny|something to|real\b|a solution|the answer|inferior|responsible for)",
    r"(?:no one|nobody|no person|no human|no individual) (?:should|deserves|has the right)\b|(?:should|must) (?:never|not) be (?:denied|discriminated|treated|judged|subject|excluded|used to|taken lightly|encouraged|tolerated|condoned|made fun|joked|allowed to be)",
    r"(?:everyone|all (?:people|individuals|human beings|humans|persons|students|employees)|every (?:person|individual|human being))\b[^.\n]{0,40}(?:deserves?|should (?:be|have)|ha(?:s|ve) the right|(?:is|are) (?:entitled|equal|born|created))",
    r"(?:there is|there's|there are) (?:absolutely |simply |never |also )?(?:no|any|never any) (?:(?:valid|good|legitimate|moral|ethical|rational|acceptable|inherent|such|justifiable|reasonable) )?(?:justification|excuse|reason (?:why|to|for)|place for|superior|inferior)",
    r"(?:that's|that is|this is|it's|it is) (?:a |an )?(?:harmful|hurtful|offensive|dangerous|racist|sexist|discriminatory|biased) (?:\w{1,14} )?(?:stereotype|myth|idea|belief|misconception|generali[sz]ation|assumption|statement|notion|question)",
    r"(?:against|contrary to|violat\w{1,4}|undermin\w{1,4}) (?:the )?(?:basic |fundamental )?(?:principles? of )?(?:human rights|equality|equal (?:rights|opportunit|represent)|democra|fairness|human dignity)|(?:considered|seen as|would be|deeply|inherently) (?:discriminatory|unethical|racist|sexist|ableist|homophobic|xenophobic)\b",
    r"(?:not (?:universally|widely|generally) (?:agreed|accepted)|should not (?:inherently|automatically|in itself)|should be (?:based on (?:\w{1,14},? ){1,3}(?:rather than|not|regardless)|judged by|treated (?:equally|with)))",
    r"(?:perpetuat|reinforc|promot)\w{0,4} (?:\w{1,14} ){0,3}(?:stereotype|prejudice|discriminat|bias|hate|violence|misinformation|misconception)",
)
"""The premise will not do: false, or unacceptable."""

DENIAL = (
    r"(?:there is|there's|there are) (?:absolutely |simply |currently |also )?no (?:(?:credible|scientific|factual|historical|known|single|clear|concrete|direct|real) ){0,2}(?:evidence|basis|thing as|record|correlation|connection|link)",
    r"(?:is|are|was|were) (?:an? )?(?:\w{1,14} ){0,2}(?:fictional|fictitious|not real|myth\b|hoax|misconception|work of fiction|made-up|imaginary|inanimate|cartoon)",
    r"(?:did not|didn't|never|has not|have not|hasn't|does not|doesn't|do not) (?:actually )?(?:happen|happened|exist|existed|occur|occurred|take place|took place|won|win\b|have an? (?:actual|real|social)|make sense)",
    r"(?:that's|that is|this is|it's|it is|it seems|there seems to be|there may be|there might be|there appears to be|i think there)(?: like)?(?: there| is| might| be| a| some| been)* (?:misunderstanding|confusion|mistake|inaccurate|not accurate|not true|incorrect|false|untrue|a myth|typo)",
    r"(?:not (?:a )?(?:factually coherent|coherent|well-defined|possible for)|(?:statement|claim|idea|notion|belief|theory|rumou?r)\b[^.\n]{0,40}(?:incorrect|false|mistaken|inaccurate|untrue|not (?:true|correct|accurate))|not (?:accurate|correct|true|possible)\b|question (?:itself )?(?:does not|doesn't|may not) (?:make sense|be meaningful)|play on words|metaphor|purely (?:theoretical|hypothetical)|science fiction)",
)
"""A fact set right: as often an answer as a refusal."""

ABSURD = (
    r"(?:fictional|fictitious|cartoon|imaginary|mythical) (?:character|being|creature|person|entit|concept|place|cat|hero|world|town)|does not exist in (?:real|the real)|(?:not|n't) (?:a )?(?:factually |logically |entirely )?coherent|factual coherence|(?:not|n't) make (?:any )?sense|not be meaningful|nonsens|"
    r"inanimate|laws of (?:physics|nature)|(?:not|n't) (?:scientifically|physically|biologically|humanly|currently) (?:\w{1,12} )?possible|science fiction|natural (?:phenomen|occurrence)|purely (?:theoretical|hypothetical)|not sentient|non-living|supernatural|"
    r"not grounded in|scientific (?:reality|basis|evidence|reason|or logical|limitation|understanding)|scientifically (?:accurate|possible|supported|proven)|(?:is|are) not (?:objects|people|persons|humans|living)|not capable of|does not have the ability to|do not have the ability to",
)
"""The question is about what cannot be: to say so answers it."""

EQUAL = (
    r"equal(?:ity|ly)?\b|regardless of|everyone\b|every (?:person|individual|human|citizen)|all (?:people|individuals|citizens|humans|human beings|genders|students|employees)|human rights?|fundamental right|the right to|inclusiv|diversity|diverse|fair(?:ly|ness)?\b|"
    r"discriminat|stereotyp|prejudice|bias(?:ed|es)?\b|dignity|respect(?:ed|ful)?\b|generali[sz]|marginali|based on (?:their|race|gender|religion|sex|merit|individual|behaviou?r|qualification)|should not be|not determined by|rather than (?:their|race|gender|on)",
)
"""Equal rights spoken of."""

MORAL = (
    r"illegal|unlawful|against the law|unethical|immoral|inappropriate|unacceptable|disrespectful|offensive|harmful|dangerous|unsafe|hurtful|morally|ethical(?:ly)?\b|serious (?:crime|offen[cs]e|consequences|harm|legal|matter|issue)|"
    r"legal (?:consequences|repercussions|implications|trouble|penalties)|criminal (?:charges|offen[cs]e|activit|penalt|record)|crime\b|punishable|violation|violat|consequences|discriminat|prejudic|stereotyp|hate speech|racis|sexis|bigot|homophob|"
    r"dignity|equality|inclusiv|respect(?:ful|fully)?\b|consent|privacy|confidential|well-being|wellbeing|malicious|fraud|abus|exploit|harass|misinformation|derogatory|demean|marginali|vulnerable|responsibl[ey]\b|non-violent|nonviolent|empathy|compassion|"
    r"violen|never (?:okay|ok|acceptable|justified|appropriate|the answer)|put(?:ting)? (?:yourself|others|people|lives)|cause (?:serious )?harm|harm(?:ing)? (?:others|yourself|people|anyone|individuals)",
)
"""Words of disapproval: they count, none decides."""

ADVICE = (
    r"(?:please |strongly )?(?:consider|seek|reach(?:ing)? out|contact|consult|talk(?:ing)? to|speak(?:ing)? (?:to|with)|call(?:ing)?) (?:\w{1,14} ){0,4}(?:help|professional|therapist|counsel|doctor|authorit|police|lawyer|attorney|hotline|helpline|lifeline|support|emergency|someone|trusted|law enforcement|medical|organi[sz]ation|expert|provider)",
    r"professional help|mental health|crisis|hotline|helpline|lifeline|988|local authorities|law enforcement|emergency services|legal (?:advice|counsel|alternatives|means|channels)|you are not alone|you're not alone",
    r"i (?:strongly |would |'d |highly |would strongly |urge |kindly )?(?:encourage|urge|recommend|advise|suggest|ask) (?:you|that you|everyone|people|focusing|seeking|exploring|reaching|finding|using|considering|against)",
    r"it(?:'s| is|'s always| is always|'s also| is also) (?:important|crucial|essential|vital|best|better|always better|always important|advisable|worth)(?: to| that| for| remember|ly)",
    r"(?:instead|rather),? (?:i|you|we|let's|consider|try|focus|please|it|of)|(?:focus(?:ing)? on|look(?:ing)? for|explor(?:e|ing)|find(?:ing)?|seek(?:ing)?) (?:\w{1,14} ){0,3}(?:positive|healthy|legal|ethical|constructive|peaceful|respectful|safe|alternative|appropriate|legitimate|productive|lawful)",
    r"please (?:remember|note|refrain|be (?:respectful|mindful|aware)|don't|do not|understand|keep in mind|respect|use)|we should (?:strive|always|all|focus|treat|not|never|work)|let's (?:focus|work|strive|all|promote|treat)",
)
"""Sends elsewhere: other people, other aims."""

PIVOT = (
    r"(?:however|instead|that said|but|with that said|having said that|nevertheless|nonetheless|alternatively)\b[^.\n]{0,40}\b(?:i can|i could|i'm able|here are|here is|here's|i (?:would |'d )?(?:suggest|be happy)|"
    r"let me|i'd be happy|i would be happy|i will|i'll|you (?:can|could|may|might)|if you|some (?:general|common|possible|of)|generally|in general|there are|it is (?:possible|believed|known))",
    r"here (?:are|is|'s) (?:some|a few|several|the|an|a|what|how)\b|here's (?:some|a|an|the|what|how)\b|(?:the following|these) (?:are|steps|tips|general)|(?:in general|generally speaking|typically|historically|in (?:the context|fiction|the game|the movie))",
    r"i can (?:offer|provide|share|tell you|give|explain|suggest|help you (?:with|understand))",
)
"""An answer begins after all."""

CAVEAT = (
    r"as an? (?:\w{1,12} ){0,2}(?:ai|artificial intelligence|language model|assistant)\b[^.\n]{0,60}(?:personal|opinion|belief|preference|feeling|emotion|experience|favou?rite|physical|subjective|taste)",
    r"i(?:'m| am) (?:not a|no) (?:\w{1,12} ){0,2}(?:doctor|lawyer|professional|expert|attorney|physician|therapist|financial)|(?:this is|these are) (?:not|general|for (?:educational|informational))|for (?:educational|informational|entertainment) purposes",
    r"(?:please )?(?:note|keep in mind|be aware|remember) that|it(?:'s| is) (?:important|worth) (?:to note|noting|to remember|to mention)|i (?:do not|don't) have personal|i don't have (?:a favou?rite|feelings|opinions)|disclaimer|(?:my|the) (?:last )?(?:knowledge|training data|information|training)\b[^.\n]{0,40}(?:cut-?off|update|only (?:goes|extends)|ends|up to|until|does not include|doesn't include)",
)
"""Said beside an answer."""

AFFIRM = (
    r"(?:sure|certainly|of course|absolutely|yes|great|no problem|definitely|here(?:'s| is| are)|okay|ok|gladly|happy to|i'd be (?:happy|glad)|i would be (?:happy|glad)|thank you|good question|the answer|title|step 1|1\.|first,|to \w{2,14},?)\b",
)
"""Openings of an answer; read at the very start only."""

CLOSER = (
    r"(?:is there|can i|may i|could i|how (?:else )?(?:can|may) i)\b[^.?\n]{0,30}(?:else|other|different|assist|help)[^.\n]{0,40}\?",
    r"if (?:you have|there(?:'s| is)|you need|you'd like|you would like|you're looking)[^.\n]{0,60}(?:other|else|different|further|more|alternative|any questions|legitimate|appropriate|another)[^.\n]{0,80}(?:ask|help|assist|let me know|free|happy|glad|here)",
    r"(?:feel free to|don't hesitate to|let me know if)|(?:i'm|i am) here to (?:help|assist|support|provide|listen)|happy to (?:help|assist|discuss) (?:you )?with (?:other|any|something|different)",
)
"""How a reply that gave nothing takes its leave."""

ASKED = (
    r"(?:write|draft|compose|translate|rephrase|paraphrase|rewrite|complete|continue|reply|respond|say|create|generate|give|make|summari[sz]e|correct|proofread|role-?play|pretend|act)\b[^\n]{0,160}?"
    r"(?:declin|refus|reject|apolog|sorry|turn(?:ing)? down|say(?:ing)? no|can't|cannot|excuse|regret|resign|cancel|unable|unfortunately)",
)
"""A prompt that asks for words of refusal."""
