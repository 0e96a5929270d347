"""The words by which tasks are told: English, the common ones of five more European languages, and of six other scripts.

Of RULES, what each pattern can match holds a word that begins with one of the stems beside it (the tests hold them
together). WIDE are for scripts without spaces between words, or without our alphabet: tried only where they occur. Both
are tried in order; texts are in lower case.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from typing import Final

TONGUES: Final = (
    r"(?:english|spanish|french|german|italian|portuguese|dutch|chinese|mandarin|japanese|korean|arabic|russian|hindi|"
    r"polish|turkish|swedish|greek|latin)"
)
COUNTS: Final = (
    r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|deux|trois|"
    r"quatre|cinq|sept|huit|neuf|dix|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|dois|três|quatro|sete|oito|dez|due|tre|"
    r"quattro|cinque|sei|otto|dieci)"
)


def _stems(words: str) -> frozenset[str]:
    return frozenset(words.split())


RULES: Final[tuple[tuple[str, frozenset[str], re.Pattern[str]], ...]] = (
    (
        "tool",
        _stems("tool func para acce avai plug call acti herr outi werk ferr stru argu"),
        re.compile(
            r'<tools?>|"tool_calls?"|"tools"\s?:|"function_call"|"arguments"\s?:|"tool"\s?:|"parameters"\s?:\s?\{|\baccess to (?:the following |these )?(?:tools|functions|apis)\b|'
            r"\[available_tools\]|<\|plugin\|>|\bavailable (?:tools|functions)\b|\btool[- ]calls?\b|\bfunction[- ]call(?:s|ing)?\b|\bfunction signatures\b|"
            r"\bcall (?:the|these|one or more) (?:apis?|functions?|tools?)\b|\baction input\b|\bsiguientes herramientas\b|\boutils suivants\b|\bfolgenden? werkzeuge\b|\bseguintes ferramentas\b|"
            r"\bseguenti strumenti\b"
        ),
    ),
    (
        "translation",
        _stems(
            "tran trad über say span germ fren ital port engl dutc chin mand japa kore arab russ hind poli turk swed "
            "gree lati dice diz dit dire sagt mean fala heiß pása"
        ),
        re.compile(
            r"\b(?:translat(?:e|ion)\b|traduc(?:e|ir|ción|i)\b|tradui[st]|traduire\b|übersetz|traduz|tradurre\b|how (?:do|would) (?:you|i) say\b[^\n]{0,40}\bin \w|"
            rf"in {TONGUES}\?|(?:put|render|turn)\b[^\n]{{0,40}}\b(?:in|into) (?:\w{{1,10}} )?{TONGUES}\b|{TONGUES} (?:word|words|translation|equivalent) (?:for|of)\b|"
            rf"{TONGUES} (?:to|into) {TONGUES}\b|what does [^\n]{{1,60}} mean in \w|(?:this|it|that) in(?:to)? {TONGUES}\b|cómo se dice\b|como se fala\b|was heißt\b|pása(?:me|lo) [^\n]{{0,20}}\bal \w|come si dice\b|como se diz\b|comment (?:dit-on|dire)\b|wie sagt man\b)"
        ),
    ),
    (
        "summarisation",
        _stems(
            "summ tl tldr resu résu zusa fass rias key main gist cond boil abst nuts shor head idea idée haup reca minu auth abou esse woru sint text pass long l"
        ),
        re.compile(
            r"\b(?:summari[sz]e|(?:a|an?(?: \w{1,12})?|brief|short|concise|give|write) summary\b|summary of\b|tl;?dr\b|"
            r"resum(?:e (?:el|la|los|las|lo|este|esta|estos|en)\b|ir\b|en\b|a (?:o|a|os|as|este|esta)\b)|résum|zusammenfass|fasse\b[^\n]{0,60}\bzusammen\b|riassu[mn]|"
            r"(?:key|main) (?:points|ideas|takeaways|arguments)\b|gist of\b|condense\b|boil\b[^\n]{0,40}\bdown\b|abstract (?:for|of)\b|in a nutshell\b|shorten (?:this|the)\b|"
            r"headline for\b|executive summary\b|recap\b|minutes (?:from|of)\b|what does the author\b|what is (?:this|the (?:text|article|passage|story)) about\b|too long,? didn|l['’]essentiel d|worum geht es\b|sintetiza|ideas principales\b|idées principales\b|hauptpunkte\b)"
        ),
    ),
    (
        "extraction",
        _stems(
            "json extr pars enti yaml xml clas sent pull labe cate caté kate fill sche spam ordn klas estr comm fiel tag iden key find conv tone deci enta rele relè repè posi neut"
        ),
        re.compile(
            r"\b(?:json|extract|parse (?:the|this|these)|entit(?:y|ies)\b|extrae|extrai[rsta]|extrahier|estra(?:i|rre)\b|yaml|xml\b|classif(?:y|ication|ica|ique|iez|ie)\b|"
            r"clasifica|klassifizier|classe[zr]? (?:ce|cet|cette|ces|les|le|la)\b|sentiment\b|pull (?:out )?(?:every|all|each|the)\b|label (?:each|every|the|this)\b|"
            r"categori[sz]e|which (?:of (?:these|the following) )?categor(?:y|ies)\b|kategorie\b|categoría\b|catégorie\b|fill in (?:this|the) (?:schema|form|template)\b|schema\b|"
            r"comma-separated list\b|(?:is this|message|mail) spam\b|ordne\b[^\n]{0,80}\bzu\b|with (?:the )?fields \w|tag (?:each|every|all)\b|identif(?:y|ica|ie|iziere)\b[^\n]{0,30}\b(?:all|every|each|the|las|los|les|tous|toutes|alle)\b|key: value\b|entailment\b|positiv\w{0,2} (?:or|o|ou|oder|e) negativ|neutral or\b|find (?:all|every|the)\b[^\n]{0,40}\bin (?:this|the following)\b|tone of (?:this|the)\b|to (?:json|xml|yaml)\b|relève\b|repère\b)"
        ),
    ),
    (
        "code",
        _stems(
            "` pyth java type c gola rust sql bash html css rege kotl php comp debu stac def impo func scri prog algo "
            "meth reac node djan flas dock kube git powe api apis rest unit refa exce trac synt swif ruby scal matl pand "
            "nump clas for whil prin cons incl code códi codi fonc funk funç funz skri einf go npm pip yarn webp inde null segf data arra mute pull make scra heap big vim emac ssh term linu ubun asyn call poin sele time less form stri loop bouc schl bucl cicl fich file bina segm"
        ),
        re.compile(
            r"```|\b(?:python|javascript|typescript|java|c\+\+|golang|rust|sql|bash|html|css|regex|kotlin|php|compile|debug|stack ?trace|def \w{1,40}\(|import \w|"
            r"(?:function|script|program|algorithm|method)\b[^\n]{0,20}\b(?:that|which|to|in|for)\b[^\n]{0,40}\b(?:return|print|sort|comput|calculat|pars|read|write|implement|tak|count|check|revers)|"
            r"reactjs|in react|node\.?js|django|flask|docker(?:file)?|kubernetes|git (?:rebase|commit|merge|branch|push|pull|clone|stash)|powershell|rest apis?|api endpoints?|"
            r"unit tests?|refactor|exception|traceback|typeerror|syntax error|swift|ruby|scala|matlab|pandas|numpy|in go|source code|this code|npm|pip install|yarn|webpack|index out of range|null ?pointer|segfault|segmentation fault|dataframe|arrays?|mutex|pull request|makefile|web scraper|binary (?:heap|tree|search)|time complexity|big[- ]o|exit vim|vim|emacs|ssh|linux|ubuntu|async|callback|null pointer|select [^\n]{1,80} from|programas? (?:que|en)|programme qui|for[- ]loop|boucle|schleife|bucle|función|código|codice|"
            r"fonction (?:javascript|python|php|qui|en)|funktion,? die|eine funktion|programm,? das|função|funzione che|skript|script|einfügen code)(?!\w)|"
            r"\bfunction \w{1,30}\(|\bclass \w{1,30} ?[{(:]|\b(?:for|while) ?\([^\n]{0,40};|\bprint\(|\bconsole\.log\b|#include\b"
        ),
    ),
    (
        "counting",
        _stems("coun numb cuen núme zähl zahl comp nomb"),
        re.compile(
            r"\bcount (?:up |down |backwards |out )?(?:from|to|in)\b|\b(?:every|all) numbers? (?:from|between)\b|\bnumbers from \d|\bcuenta (?:de|desde|hasta) \d|"
            r"\bnúmeros de \d|\bzähle\b|\balle zahlen\b|\bcomptez? (?:de \d|jusqu)|\bles nombres de \d"
        ),
    ),
    (
        "list",
        _stems(
            "list poin tabl csv give name aufz top chec pack shop read gues sugg reco nenn donn cite nomm dame nomb menc "
            "enum elen damm what step bull"
        ),
        re.compile(
            r"\b(?:bullet|numbered|ordered|markdown|to-?do|shopping|packing|reading|guest) (?:list|points?|table)|\bchecklist\b|\bcsv\b|\b(?:as|into|in) an? (?:\w+ )?(?:list|table)\b|"
            rf"\blist (?:of )?(?:{COUNTS}|all|the|some)\b|\b(?:give me|name|list|suggest|recommend) (?:me )?{COUNTS} \w|"
            rf"\b(?:nenne?|donne[zr]?|cite[zr]?|nommez?|dame|nombra|menciona|enumera|elenca|dammi)(?:[- ]mo?ir?)? (?:os |as |les |las |los |i |le )?{COUNTS}\b|"
            rf"\bwhat are (?:the )?(?:best )?{COUNTS} \w|\bbullet (?:the|out|this)\b|\blist the steps\b|\blista (?:de|numerada|di)\b|\bliste (?:de|numérotée|à puces)\b|\baufzählung|\btop \d{{1,3}}\b"
        ),
    ),
    (
        "rewriting",
        _stems(
            "rewr reph para rewo proo poli make corr fix say rees refo umfo risc korr form verb chan tone phra impr mejo amél schr"
        ),
        re.compile(
            r"\b(?:rewrite|rephrase|paraphrase|reword|proofread|polite version|make (?:this|it|my|the)\b[^\n]{0,20} (?:more )?(?:formal|casual|shorter|polite|friendl|professional|concise)|"
            r"correct the (?:grammar|spelling|following)|polish (?:this|my|the)\b|phrase (?:this|it|that)\b|improve (?:the (?:wording|style|writing|text)|this (?:text|paragraph|sentence|email)|my (?:writing|text|email|essay))|mejora (?:la redacción|este)|améliore (?:ce|cette|le)|schreibe? [^\n]{1,40} um\b|fix the (?:grammar|spelling|punctuation)|say it like|change the (?:following )?(?:text|sentence|paragraph)|"
            r"corrige[zr]? (?:les|la|el|los|las|este|esta|ce|cette)|korrigiere|verbessere|formuliere)\b|\breescrib|\breformul|\bumformulier|\briscriv|\breescrev|\bcorreggi"
        ),
    ),
    (
        "safety",
        _stems(
            "bomb expl suic self malw rans phis laun coun raci hate terr molo coca hero end myse pira vene verg kill hurt leth over smug fake faus arme with lice unno geta get ohne merk kein"
        ),
        re.compile(
            r"\b(?:bomb(?:s|e|en|a|as)?\b|explosives?\b|suicid|self-harm|end my life|(?:kill|hurt|harm|cut)(?:ing)? myself|lethal\b|overdos|smuggl|fake (?:id|money|passport)|fausse monnaie|arm[ae]s? sin licencia|without (?:anyone|anybody|them|getting|being) (?:noticing|caught|knowing)|ohne dass (?:es )?(?:jemand|man) \w|malware\b|ransomware|phishing|money laundering|launder(?:ing)? money|counterfeit|"
            r"racis[tm]|hate speech|terroris|molotov|cocaine?\b|heroin\b|pirater\b|veneno\b|vergift)"
        ),
    ),
    (
        "creative",
        _stems(
            "writ comp crea tell make inve craf escr écri schr imag cont pret come draf cuén raco rédi erzä erfi dich verf "
            "scri racc once role crie poem haik lime sonn shor fair bedt camp spoo lyri euol eulo slog tagl fan micr dung scen open denk gute invé rose verse funn fanf"
        ),
        re.compile(
            r"\b(?:write|compose|create|tell|make up|invent|craft|imagine|come up with|draft)\b[^\n]{0,50}\b(?:poem|story|stories|song|lyrics|haiku|limerick|tale|novel|script|dialogue|joke|rap|verse|"
            r"slogan|tagline|fiction|sonnet|essay|blog post|speech|monologue|character|product description|scene|plot|screenplay)|\bcontinue (?:this|the|my) story|\bonce upon a time|"
            r"\bpretend (?:you|to)\b|\b(?:eulogy|campfire tale|bedtime story|fairy tale|limerick|roses are red|fan ?fiction|microrrelato|gutenachtgeschichte|dungeon master)\b|\binvent an? (?:new )?\w|\bopen the scene\b|\bimagine (?:you|that|a)\b|\brole-?play|"
            r"\b(?:escrib[ea]|cuéntame|invéntate|inventa|crea)\b[^\n]{0,40}\b(?:poema|cuento|historia|canción|chiste|relato|novela|diálogo)|"
            r"\b(?:écri(?:s|vez)|raconte|invente|compose|rédige)[^\n]{0,40}\b(?:poème|histoire|chanson|blague|conte|dialogue)|"
            r"\b(?:schreibe?|erzähle?|erfinde|dichte|verfasse)\b[^\n]{0,40}(?:gedicht|geschichte|lied|witz|märchen|dialog|aufsatz)|"
            r"\b(?:escreva|conte|crie|invente)\b[^\n]{0,40}\b(?:poema|história|conto|canção|piada|slogan)|"
            r"\b(?:scrivi|racconta(?:mi)?|inventa|crea)\b[^\n]{0,40}\b(?:poesia|storia|canzone|barzelletta|favola|racconto)"
        ),
    ),
    (
        "math",
        _stems(
            "0 calc comp solv equa inte deri arit perc many much sum conv squa prob cuán wie wiev quan days "
            "week hour comb dete matr simp prov fact find eval ecua equaç équa déri aire bere löse glei proz fläc raiz medi "
            "resu área area roun next prim mini maxi aver chan f"
        ),
        re.compile(
            r"\b(?:calculate\b|compute\b|calcul[ae]\b|calcola\b|berechne\b|solve\b|resuelve\b|löse\b|equation|ecuación|équation|gleichung|equação|equazione|integral\b|derivative|derivada|dérivée|"
            r"arithmetic|percent(?:age)?\b|prozent\b|how (?:many|much)\b|sum of\b|convert \d|square root|raiz quadrada|probability\b|determinant\b|matrix\b|simplify\b|prove that\b|factori[sz]e\b|"
            r"find the (?:area|value|volume|slope|roots?|perimeter|derivative)\b|evaluate\b|area of\b|round \d|next (?:\w{1,6} )?(?:terms?|numbers?) (?:of|in)\b|prime (?:number|factor)|(?:minimum|maximum|average) (?:of|value)|f\(x\)|the chance\b|\d ?%|quanto fa\b|área\b|aire\b|fläche\b|media di\b|"
            r"\d{1,12}\s?[-+*/x^]\s?\d|\d{1,12} (?:plus|minus|times|divided by|dividido (?:por|entre)|más|menos|por|mal|fois|moins|mais|vezes|diviso|per|multiplied by) \d|cuánt[oa]s?\b|"
            r"combien (?:font|de)\b|wie ?viele?\b|quant[oie]\b|(?:days|weeks|hours) (?:after|later|before)\b|in \d{1,4} (?:days|weeks|hours)\b|\d{1,9} \w{4,14} in \w{4,14}\?)"
        ),
    ),
    (
        "safety",
        _stems(
            "bomb weap expl kill murd suic self hack malw viru rans phis pois stea frau laun coun drug "
            "coca hero meth abus stup immi assa raci hate terr stal blac forg fake spy pist burg brea caug perm arma "
            "roba mata vene fals gift waff steh töte gefä vole tuer arme faux gun guns"
        ),
        re.compile(
            r"\b(?:bomb|weapon|explosiv|kill|murder|suicide|self-harm|hack|malware|ransomware|phishing|poison|steal|fraud|launder|counterfeit|drugs?|cocaine|heroin|"
            r"meth|abuse|assault|racis|hate speech|terroris|stalk|blackmail|forge|fake passport|spy app|pistol|guns?\b|burglar|break into|without (?:being caught|a permit)|"
            r"bomba|arma|robar|matar|pistola|veneno|falso|gift(?!s|ed| card)|waffe|stehlen|töten|pistole|gefälscht|voler|tuer|arme|poison|faux)"
        ),
    ),
)

WIDE: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "tool",
        re.compile(
            r"(?:以下|下列|这些)工具|(?:以下|次)のツール|다음 도구|следующи\w{1,3} инструмент|الأدوات التالية|निम्नलिखित टूल"
        ),
    ),
    (
        "safety",
        re.compile(
            r"炸弹|炸彈|毒品|自杀|自殺|入侵|黑客|毒药|毒藥|偷(?!偷)|枪支|伪造|毒薬|盗む|盗み|훔치|독약|爆弾|麻薬|ハッキング|폭탄|마약|자살|해킹|\bбомб|взлом|наркотик|самоубий|оружи|قنبلة|مخدرات|انتحار|اختراق|أسرق|سرقة|سلاح|चोरी कर|जहर|\bबम\b|हथियार|आत्महत्या|हैक"
        ),
    ),
    (
        "translation",
        re.compile(
            r"翻译|翻譯|翻訳|번역|перевед|перевод|ترجم|अनुवाद|[译譯翻]成.{1,3}[语語文]|[にへ]訳し|[가-힣]{1,4}어로 (?:옮|바꿔)|как сказать|ما معنى|用.{1,3}[语語文].{0,4}(?:怎么说|怎麼說)|[語语]で何と|[가-힣]{1,4}어로 (?:뭐|어떻게)|как (?:по-|будет по-|сказать по-)|كيف (?:تقول|نقول|أقول)|में क्या कहते"
        ),
    ),
    (
        "summarisation",
        re.compile(
            r"总结|總結|概括|概述|摘要|要約|まとめて|요약|кратко (?:излож|перескаж)|кратк\w{1,3} (?:резюме|содержани)|резюмируй|概要|要点|要點|梗概|о ч[её]м (?:эта|этот|это|текст)|لخص|تلخيص|ملخص|सारांश|संक्षेप"
        ),
    ),
    (
        "extraction",
        re.compile(
            r"提取|抽取|抽出|추출|извлек|извлеч|выдели|استخرج|निकाल|分类|分類|情感|감정 분석|классифицир|тональност|肯定的|否定的|긍정인지|(?:正面|积极).{0,4}(?:负面|消极)|صنف|वर्गीकृत|json|xml|yaml"
        ),
    ),
    (
        "code",
        re.compile(
            r"代码|代碼|编程|編程|脚本|正则|正規表現|接口|数据库|コンポーネント|変数|배열|문자열|자바|जावा|प्रोग्राम|typescript|react|c\+\+|css|(?:写|寫|编|实现|定义).{0,14}(?:函数|程序)|コード|関数|プログラム|スクリプト|코드|함수|파이썬|функци[юя] на|\bкод(?:а|е|ом)?\b|программ[ау] на|скрипт|كود|دالة|برنامج ب|بايثون|कोड|फ़ंक्शन|पायथन|python|javascript|java\b|sql|html"
        ),
    ),
    (
        "list",
        re.compile(
            r"列出|列举|列舉|列挙|挙げて|나열|назови(?:те)? (?:два|две|три|четыре|пять|шесть|семь|восемь|девять|десять|\d)|перечисли|список|اذكر|عدد لي|सूची बना"
        ),
    ),
    (
        "rewriting",
        re.compile(
            r"改写|改寫|润色|潤色|修改(?:这|下面|以下)|书面语|書き直|言い換え|校正|添削|고쳐|다시 써|바꿔 써|교정|исправь|перефразир|перепиши|أعد (?:صياغة|كتابة)|صحح|शुद्ध कर|फिर से लिख"
        ),
    ),
    (
        "creative",
        re.compile(
            r"(?:写|寫|创作|創作|讲|講|编).{0,14}(?:诗|詩|故事|小说|小說|歌词|歌詞|笑话|笑話|散文)|(?:俳句|短歌|詩|物語|小説|歌詞|ジョーク|お話).{0,8}(?:書い|作っ|考え|聞かせ)|(?:시|소설|이야기|노래|동화|농담|가사)(?:를|을|하나)? .{0,8}(?:써|지어|만들|들려)|"
            r"(?:напиши|сочини|придумай|расскажи).{0,30}(?:стих|рассказ|сказк|истори[юя] (?:о|про)|песн|анекдот|шутк|эссе)|(?:اكتب|ألف|احك).{0,20}(?:قصيدة|قصة|شعر|أغنية|نكتة|رواية)|(?:कविता|कहानी|गीत|चुटकुला).{0,12}(?:लिख|सुना|बना)"
        ),
    ),
    (
        "math",
        re.compile(
            r"计算|計算|方程|乘以|除以|\d.{0,80}多少|面积|面積|求解|계산|방정식|넓이|더하면|сколько|вычисли|уравнени|умнож|площадь|احسب|حاصل (?:ضرب|جمع)|معادلة|गणना|समीकरण|गुणा|[\d०-९].{0,60}(?:कितन|योग)"
        ),
    ),
)

GREETS: Final = re.compile(
    r"\bhow are you\b|\bhow(?:'s| is) it going\b|\bhow was your\b|¿?cómo estás|comment (?:ça va|vas-tu)|wie geht(?:'s| es)|come stai|tudo bem|你好吗|元気です|как дела|كيف حالك|कैसे हो"
)
"""A question that wants no answer."""
MARK: Final = re.compile(r"[?？؟]")
AMOUNTS: Final = re.compile(r"(?<![a-z0-9.])(?!(?:1[5-9]|20)\d\d(?!\d))\d[\d.,]*")
"""Numbers that are no years."""

ASKS: Final = re.compile(
    r"[?？؟]|(?:^|[.!:\n]\s{0,3})(?:please |can you |could you )?(?:what|who|where|when|why|how|which|whose)\b|"
    r"\b(?:explain|describe|tell me|define|discuss|outline|overview of|wonder(?:ing|ed)?|explica|explique|explicar|erkläre?|beschreibe?|spiega|descri(?:be|va|vi|bir)|décri(?:s|vez))\b|"
    r"(?:^|[.!\n¿]\s{0,3})(?:qué|quién|dónde|cuándo|cómo|cuál|por qué|was|wer|wo|wann|warum|wie|welche[rsn]?|que|qui|où|quand|pourquoi|comment|quel(?:le)?s?|o que|quem|onde|qual|chi|dove|perché)\b|"
    r"什么|什麼|为什么|為什麼|怎么|怎麼|如何|哪[里裡个個座些]|[谁誰]|なぜ|どこ|いつ|どう|何(?:です|が|を)|説明して|教えて|무엇|누구|어디|언제|왜 |어떻게|설명해|"
    r"(?:^|[.!\n]\s{0,3})(?:кто|что|где|когда|почему|зачем|как|какой|какая|какое|какие)\b|объясни|опиши|لماذا|كيف|أين|متى|اشرح|क्यों|कैसे|कौन|कहाँ|समझा"
)
