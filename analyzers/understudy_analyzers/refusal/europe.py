"""The words of refusal in Spanish, French, German, Portuguese, Italian and Russian.

Read over lower-cased text with plain apostrophes; each pattern starts at a word and repeats within bounds.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

DECLINE = (
    # es
    r"no (?:puedo|podemos|podré|podría|debo|voy a|me es posible|estoy (?:en condiciones de|capacitad[oa] para|autorizad[oa] (?:a|para)|dispuest[oa] a|programad[oa] para)|es posible|soy capaz de|tengo permitido)"
    r" (?:\w{1,12} ){0,2}?(?:ayud|asist|proporcion|ofrec|cumpl|dar|crea|escrib|gener|respond|hacer|complet|facilit|compart|apoy|recomend|promov|brind|atend|particip|colabor|hablar|continu|redact|inclu|explicar|enseñ|satisf|cumpl|discut|aconsej|tolerar|inventar)",
    r"(?:lo siento|lo lamento|disculp[ae]|perdón|perdona|me temo|lamentablemente|desafortunadamente)\b[^.!?\n]{0,40}\bno (?:puedo|podré|podemos|me es posible|es posible|estoy|voy a|debo|soy capaz)",
    r"(?:debo|tengo que|prefiero|me veo obligad[oa] a) (?:rechazar|negarme|declinar|no )|me niego a|(?:va|iría|van) en contra de (?:mis|mi|las|nuestras) (?:\w{1,12} )?(?:políticas|principios|directrices|programación|normas|valores)",
    # pt
    r"(?:não|nao) (?:posso|podemos|devo|vou|consigo|poderei|poderia|me é possível|é possível|estou (?:autorizad[oa]|apt[oa]|programad[oa]|em condições|dispost[oa])|sou capaz de|tenho permissão)"
    r" (?:\w{1,12} ){0,2}?(?:ajud|assist|auxili|fornec|oferec|cumpr|dar|cri|escrev|ger|respond|fazer|complet|compart|apoi|atend|recomend|promov|particip|colabor|falar|continu|redig|explicar|ensin|discut|aconselh|satisf)",
    r"(?:desculp[ae]|desculpe-me|sinto muito|lamento|infelizmente|peço desculpas?|receio)\b[^.!?\n]{0,40}\b(?:não|nao) (?:posso|poderei|podemos|consigo|é possível|me é possível|vou|devo|estou)",
    r"(?:devo|tenho que|preciso|prefiro) (?:recusar|me recusar|não )|recuso-me|me recuso|(?:vai|iria|são|é) contr(?:a|ário) (?:as|às|a|os|aos|minhas|meus) (?:\w{1,12} )?(?:políticas|princípios|diretrizes|programação|normas|valores)",
    # fr
    r"je (?:ne )?(?:peux|puis|pourrai|pourrais|dois|vais|suis|saurais|souhaite|veux)(?: malheureusement| donc)? pas (?:\w{1,12} |l'|t'|d'|vous |y ){0,3}?"
    r"(?:aid|assist|fourn|donn|crée|créer|écri|rédig|génér|répond|accéd|satisf|faire|partag|accept|en mesure|capable|propos|complét|recommand|discut|particip|cautionn|encourag|autoris|programm|conseil|offrir|expliqu|soutenir|continu|traiter|promouvoir)",
    r"(?:désolée?|navrée?|regrette|excuse|malheureusement|pardon)\b[^.!?\n]{0,40}\b(?:je ne|je n'|il m'est impossible|impossible)[^.!?\n]{0,30}\b(?:pas|impossible|aider|répondre|fournir)",
    r"je (?:dois|me vois|préfère|suis contrainte? de|suis dans l'obligation de) (?:refuser|décliner|contraint|obligé|ne pas)|je refuse|il m'est impossible de|(?:va à l'encontre|contraire à|contraires à|enfreint) (?:de )?(?:mes|mon|nos|les) (?:\w{1,12} )?(?:principes|directives|règles|valeurs|programmation|politique)",
    # it
    r"non (?:posso|possiamo|potrò|potrei|devo|intendo|sono (?:in grado di|autorizzat[oa] a|programmat[oa] per|dispost[oa] a)|mi è (?:possibile|permesso|consentito)|è possibile|mi sento)"
    r" (?:\w{1,12} ){0,2}?(?:aiut|assist|forn|offr|dar|cre|scriv|gener|rispond|far|complet|condivid|soddisf|consigli|promuov|partecip|support|parl|continu|redig|spieg|insegn|discut|raccomand|a mio agio|esaudi)",
    r"(?:mi dispiace|mi spiace|spiacente|scusa|scusami|mi scuso|purtroppo|temo)\b[^.!?\n]{0,40}\bnon (?:posso|potrò|sono in grado|mi è|è possibile|possiamo|intendo)",
    r"(?:devo|sono costrett[oa] a|preferisco) (?:rifiutare|rifiutarmi|declinare|non )|mi rifiuto|(?:va|andrebbe|è) contr[oa](?:ri[oa] a)? (?:le|i|ai|alle|mie|miei) (?:\w{1,12} )?(?:linee guida|principi|politiche|valori|regole|programmazione)",
    # de
    r"(?:ich|dabei|dazu|das|hierbei|damit|diese[nrs]?|leider) (?:kann|darf|werde|möchte|will|könnte)\b[^.\n]{0,40}\b(?:nicht|keine[nr]?|kein|weder)\b[^.\n]{0,80}?(?:helfen|hilfe|weiterhelf|unterstütz|bereitstell|geben|erstell|schreib|beantwort|liefern|erfüll|teilen|anbiet|dienen|nachkomm|behilflich|verfass|generier|diskutier|empfehl|mitwirk|machen|bearbeit|erklär|fördern|eingehen)",
    r"(?:tut mir (?:sehr |wirklich )?leid|entschuldig\w{0,6}|verzeih\w{0,4}|leider|bedau(?:re|erlicherweise)|bedaure)\b[^.!?\n]{0,50}\b(?:(?:kann|darf|werde|möchte) ich|ich (?:kann|darf|werde|möchte|bin))\b[^.!?\n]{0,60}\b(?:nicht|keine[nr]?|kein|unmöglich|außerstande)",
    r"(?:ich muss|muss ich) (?:\w{1,12} ){0,3}(?:ablehn|verweiger)|ich (?:lehne|weigere|verweigere)\b|(?:verstößt|widerspricht|verstoßen|widersprechen)\b[^.\n]{0,20}\b(?:meine[nr]?|unsere[nr]?|die|den) (?:\w{1,12} )?(?:richtlinien|prinzipien|grundsätze[n]?|programmierung|werte[n]?|nutzungsbedingungen)|nicht in der lage[^.\n]{0,40}(?:helfen|unterstütz|beantwort|bereitz|erstell|geben)",
    # ru
    r"(?:я )?не (?:могу|буду|смогу|имею права|в состоянии|готова?|стану|собираюсь|намерена?|вправе|должен|должна)(?: вам| тебе| с этим| в этом| на это| этого| такой| такие| такую| подобн\w{1,5}){0,3} "
    r"(?:\w{1,14} ){0,2}?(?:помо|предостав|отве|выполн|созда|напис|писать|дать|давать|поддерж|обсужд|соде|участв|сделать|делать|рассказ|генерир|составл|состав|консульт|предлож|подсказ|рекоменд|объясн|поощр|способств|распростран)",
    r"(?:помо\w{2,6}|отвечать|ответить|писать|обсуждать|делать|участвовать|рассказывать)[^.\n]{0,20} не (?:стану|буду|могу|смогу)\b",
    r"(?:извини(?:те)?|прости(?:те)?|к сожалению|прошу прощения|сожалею|приношу извинения|мне жаль|увы)\b[^.!?\n]{0,50}\b(?:не могу|не буду|не смогу|не могла|не в состоянии|не имею|невозможно|вынужден)",
    r"(?:я )?(?:вынужден[а]?|должен|должна) (?:отказать|отклонить)|я отказываюсь|(?:противоречит|нарушает|противоречат)\b[^.\n]{0,12}\b(?:моим|мои|нашим|этическ\w{1,4}|политик\w{1,2}) ?(?:принцип|правил|программ|политик|норм|ценност)?",
)

INABILITY = (
    r"no (?:tengo|dispongo de|cuento con|poseo) (?:\w{1,10} ){0,2}(?:acceso|información|datos|capacidad|la capacidad|conocimiento|opiniones? sobre)|no (?:sé|conozco|puedo (?:acceder|ver|navegar|consultar|abrir|saber|predecir))\b",
    r"(?:não|nao) (?:tenho|disponho|possuo) (?:\w{1,10} ){0,2}(?:acesso|informaç|dados|capacidade|a capacidade|conhecimento)|(?:não|nao) (?:sei|conheço|posso (?:acessar|ver|navegar|consultar|abrir|saber|prever)|consigo (?:acessar|ver|abrir))\b",
    r"je n'ai (?:pas|aucune?) (?:\w{1,10} ){0,2}(?:accès|information|d'information|données|de données|la capacité|capacité|connaissance|moyen)|je ne (?:sais|connais) pas (?:la réponse|cette|qui|de quoi)|je ne peux pas (?:accéder|voir|consulter|ouvrir|naviguer|prédire|savoir)\b",
    r"non (?:ho|dispongo di|possiedo) (?:\w{1,10} ){0,2}(?:accesso|informazioni|dati|capacità|la capacità|conoscenza|modo)|non (?:so|conosco|posso (?:accedere|vedere|navigare|consultare|aprire|sapere|prevedere))\b",
    r"ich habe (?:leider )?(?:keinen?|nicht) (?:\w{1,12} ){0,2}(?:zugriff|zugang|informationen|daten|möglichkeit|fähigkeit|kenntnis)|ich (?:weiß|kenne) (?:es |das |die |den )?(?:leider )?nicht|ich verfüge (?:\w{1,8} )?(?:nicht|keine)|als (?:ki|künstliche|sprachmodell)\b[^.\n]{0,60}\b(?:nicht|keine[nr]?)\b",
    r"у меня нет (?:\w{1,14} ){0,2}(?:доступ|информаци|данных|возможност|сведени|способност)|я не (?:знаю|имею доступа|располагаю|обладаю|могу (?:видеть|просматривать|открыть|проверить|узнать|предсказ))|мне (?:не известн|неизвестн)",
    r"(?:como|en tanto|siendo) (?:una? )?(?:ia|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem))\b[^.\n]{0,60}\b(?:no|não) (?:puedo|tengo|posso|tenho)|en tant qu'(?:ia|intelligence|modèle|assistant)[^.\n]{0,60}\bje (?:ne|n')|in quanto (?:ia|intelligenza|modello)[^.\n]{0,60}\bnon\b|(?:как|будучи) (?:ии|искусственн|языков)[^.\n]{0,60}\b(?:не|нет)\b",
)

REFUTE = (
    r"(?:la|tu|su|esta|esa) (?:pregunta|premisa|afirmación|idea|solicitud)\b[^.\n]{0,60}(?:incorrect|fals|ofensiv|inapropiad|discriminator|prejuicio|estereotip|errónea|equivocad)|no (?:es|está|sería) (?:\w{1,10} )?(?:apropiad|étic|correct|aceptable|cierto|verdad|adecuad|bien|justo|legal|justificable)|no (?:hay|existe) (?:ninguna? )?(?:justificación|evidencia|razón|excusa|prueba)|es (?:ilegal|inmoral|poco ético|inaceptable|incorrecto|peligroso)\b|nadie (?:debería|merece)",
    r"(?:a|sua|essa|esta) (?:pergunta|premissa|afirmação|ideia|solicitação)\b[^.\n]{0,60}(?:incorret|fals|ofensiv|inadequad|discriminatóri|preconceit|estereótip|errad|equivocad)|(?:não|nao) (?:é|está|seria) (?:\w{1,10} )?(?:apropriad|étic|corret|aceitável|verdade|adequad|certo|justo|legal|justificável)|(?:não há|não existe|nao ha) (?:nenhuma? )?(?:justificativa|evidência|razão|desculpa|prova)|é (?:ilegal|imoral|antiético|inaceitável|errado|perigoso)\b|ninguém (?:deveria|deve|merece)",
    r"(?:la|votre|ta|cette) (?:question|prémisse|affirmation|idée|demande)\b[^.\n]{0,60}(?:incorrect|fau(?:x|sse)|offensant|inapproprié|discriminatoire|préjugé|stéréotyp|erronée|infondée)|(?:il )?(?:n'est|ne serait) pas (?:\w{1,12} )?(?:approprié|éthique|correct|acceptable|vrai|convenable|juste|légal|justifiable|exact)|il n'(?:y a|existe) (?:pas de |aucune? )(?:\w{1,12} )?(?:justification|preuve|raison|excuse)|(?:c'est|il est) (?:illégal|immoral|contraire à l'éthique|inacceptable|mal|dangereux)\b|personne ne (?:devrait|mérite)",
    r"(?:la|tua|sua|questa) (?:domanda|premessa|affermazione|idea|richiesta)\b[^.\n]{0,60}(?:scorrett|fals|offensiv|inappropriat|discriminatori|pregiudiz|stereotip|errat|sbagliat|infondat)|non (?:è|sarebbe) (?:\w{1,12} )?(?:appropriat|etic|corrett|accettabil|ver[oa]|adeguat|giust|legale|giustificabil)|non (?:c'è|esiste|esistono) (?:\w{1,10} )?(?:giustificazion|prov[ae]|ragion|scus)|è (?:illegale|immorale|non etico|inaccettabile|sbagliato|pericoloso)\b|nessuno (?:dovrebbe|merita)",
    r"(?:die|ihre|deine|diese) (?:frage|prämisse|annahme|aussage|behauptung|idee|anfrage|bitte)\b[^.\n]{0,60}(?:falsch|beleidigend|unangemessen|diskriminier|vorurteil|stereotyp|unzutreffend|irreführend)|(?:es )?(?:ist|wäre) (?:\w{1,12} )?(?:nicht|niemals|nie) (?:\w{1,10} )?(?:angemessen|ethisch|akzeptabel|in ordnung|richtig|wahr|zulässig|korrekt|legal|vertretbar|erlaubt)|es gibt (?:absolut )?(?:keine|keinen) (?:\w{1,14} )?(?:rechtfertigung|beweise?|grund|entschuldigung|beleg)|(?:es|das) ist (?:illegal|unmoralisch|unethisch|inakzeptabel|falsch|gefährlich|strafbar|verboten)\b|niemand (?:sollte|verdient)",
    r"(?:вопрос|предпосылка|утверждение|идея|запрос|мысль)\b[^.\n]{0,60}(?:неверн|ложн|оскорбительн|неуместн|дискриминац|предрассуд|стереотип|ошибочн|некорректн)|(?:это|так) (?:\w{1,12} )?(?:неверно|неправда|не соответствует|неприемлемо|неэтично|незаконно|недопустимо|опасно|аморально|неправильно)|не(?:т| существует) (?:никак\w{1,4} )?(?:оправдани|доказательств|причин)|никто не (?:должен|заслуживает)",
)

MORAL = (
    r"ilegal|ilícit|inmoral|imoral|inapropiad|inapropriad|inadecuad|inadequad|inaceptab|inaceitáv|irrespetuos|desrespeit|ofensiv|dañin|prejudicial|perjudicial|nociv|peligros[oa]s?\b|perigos[oa]s?\b|antiétic|étic[oa]|delito|crime\b|respeto|respeitar|respetar|respeito|dignidad|dignidade|privacidad|privacidade|violen|discrimin|estereotip|estereótip|prejuicio|preconceit|consecuencias (?:legales|graves)|consequências (?:legais|graves)|fraude",
    r"illégal|illicite|immoral|inapproprié|inacceptable|irrespectueu|offensant|nuisible|dangereu|contraire à l'éthique|éthique|délit|crime\b|respecter|dignité|vie privée|violence|discriminat|stéréotyp|préjugé|conséquences (?:juridiques|graves|légales)|fraude",
    r"illegal|rechtswidrig|strafbar|unmoralisch|unethisch|unangemessen|inakzeptabel|respektlos|beleidigend|schädlich|gefährlich|ethisch|verbrechen|straftat|respekt|würde\b|privatsphäre|gewalt|diskriminier|stereotyp|vorurteil|konsequenzen|betrug",
    r"illegal|illecit|immoral|inappropriat|inaccettabil|irrispettos|offensiv|dannos|pericolos|non etic|etic[oa]\b|reato|crimine|rispett|dignità|privacy|violen|discrimina|stereotip|pregiudiz|conseguenze (?:legali|gravi)|frode",
    r"незаконн|противозаконн|аморальн|неэтичн|неуместн|неприемлем|недопустим|оскорбительн|вредн|опасн|этическ|преступлени|уважени|уважать|достоинств|конфиденциальн|насили|дискриминац|стереотип|предрассуд|последстви|мошеннич",
)

ADVICE = (
    r"(?:te|le|les|os) (?:recomiendo|sugiero|animo|aconsejo|insto|invito)|(?:consulta|acude|busca|contacta|habla con|llama)\w{0,3} (?:\w{1,12} ){0,4}(?:profesional|ayuda|médic|abogad|autoridades|policía|emergencia|apoyo)|es (?:importante|fundamental|esencial|mejor)|en (?:su lugar|vez de eso|cambio)",
    r"(?:recomendo|sugiro|aconselho|encorajo|incentivo)\b|(?:consult|procur|busqu|contat|fal)\w{1,4} (?:\w{1,12} ){0,4}(?:profissional|ajuda|médic|advogad|autoridades|polícia|emergência|apoio)|é (?:importante|fundamental|essencial|melhor)|em vez disso|ao invés disso",
    r"je vous (?:recommande|suggère|encourage|conseille|invite)|je te (?:recommande|suggère|encourage|conseille|invite)|(?:consult|contact|parl|adress|cherch)\w{1,4} (?:\w{1,12} |à |l'){0,4}(?:professionnel|aide|médecin|avocat|autorités|police|urgence|soutien)|il est (?:important|essentiel|primordial|préférable)|(?:plutôt|à la place)\b",
    r"ich (?:empfehle|rate|schlage|ermutige|bitte)\b|(?:wende|wenden|sprich|sprechen|kontaktier|konsultier|such)\w{0,3} (?:\w{1,14} ){0,5}(?:fachmann|fachperson|hilfe|arzt|anwalt|behörden|polizei|notruf|beratung|experten)|es ist (?:wichtig|entscheidend|besser|ratsam)|stattdessen",
    r"(?:ti|le|vi) (?:consiglio|suggerisco|invito|incoraggio|raccomando)|(?:consult|contatt|rivolg|parl|cerc)\w{1,5} (?:\w{1,12} ){0,4}(?:professionista|aiuto|medico|avvocato|autorità|polizia|emergenza|supporto)|è (?:importante|fondamentale|essenziale|meglio)|(?:invece|al contrario)\b",
    r"(?:рекомендую|советую|призываю|предлагаю|настоятельно)\b|(?:обрат|свяж|поговор|позвон|проконсульт)\w{1,8} (?:\w{1,14} ){0,4}(?:специалист|помощ|врач|юрист|полици|психолог|служб|орган)|важно (?:помнить|понимать|уважать|соблюдать)|вместо этого",
)

PIVOT = (
    r"(?:sin embargo|no obstante|en su lugar|aun así|pero|dicho esto)\b[^.\n]{0,30}\b(?:puedo|puedes|podría|aquí|te|le|algun|hay|si)|(?:no entanto|contudo|porém|em vez disso|ainda assim|mas)\b[^.\n]{0,30}\b(?:posso|pode|poderia|aqui|algum|há|se)",
    r"(?:cependant|toutefois|en revanche|néanmoins|mais|cela dit)\b[^.\n]{0,30}\b(?:je peux|je pourrais|vous pouvez|tu peux|voici|il existe|si)|(?:tuttavia|però|ma|ciò detto|invece)\b[^.\n]{0,30}\b(?:posso|potrei|puoi|può|ecco|alcun|ci sono|se)",
    r"(?:jedoch|allerdings|aber|stattdessen|dennoch|trotzdem)\b[^.\n]{0,30}\b(?:kann ich|ich kann|können|kannst|hier|einige|gibt es|wenn)|(?:однако|тем не менее|но|вместо этого)\b[^.\n]{0,30}\b(?:могу|можете|вот|можно|есть|если|некоторые)",
)

CAVEAT = (
    r"(?:como|siendo) (?:una? )?(?:ia|inteligencia artificial|inteligência artificial|modelo)\b[^.\n]{0,60}(?:opini|preferenc|sentimient|sentiment|emocion|emoç|experienc|experiênc)|en tant qu'(?:ia|intelligence|modèle)[^.\n]{0,60}(?:opinion|préféren|émotion|sentiment)|als (?:ki|künstliche|sprachmodell)\b[^.\n]{0,60}(?:meinung|gefühl|vorlieb|persönlich|erfahrung)|(?:как|будучи) (?:ии|искусственн|языков)[^.\n]{0,60}(?:мнени|чувств|предпочт|эмоци)|in quanto (?:ia|intelligenza|modello)[^.\n]{0,60}(?:opinion|preferenz|emozion|sentiment)",
    r"no soy (?:un )?(?:médic|abogad|profesional)|não sou (?:um )?(?:médic|advogad|profissional)|je ne suis (?:pas )?(?:un )?(?:médecin|avocat|professionnel)|ich bin kein (?:arzt|anwalt|experte)|non sono un (?:medico|avvocato|professionista)|я не (?:врач|юрист|специалист)",
)

AFFIRM = (
    r"(?:claro|por supuesto|desde luego|aquí (?:tienes|está)|con gusto|sí|com certeza|certamente|aqui está|aqui estão|sim|bien sûr|voici|certainement|avec plaisir|oui|natürlich|gerne|sicher|selbstverständlich|hier (?:ist|sind)|ja|certo|certamente|ecco|volentieri|sì|конечно|разумеется|вот|да|с удовольствием)\b",
)

CLOSER = (
    r"(?:hay|tienes|necesitas|puedo)\b[^.?\n]{0,40}(?:otr[ao]|más|ayudar)[^.\n]{0,30}\?|si (?:tienes|necesitas|hay)[^.\n]{0,40}(?:otr[ao]|más|duda|pregunta)|(?:há|tem|precisa|posso)\b[^.?\n]{0,40}(?:outr[ao]|mais|ajudar)[^.\n]{0,30}\?|se (?:tiver|precisar|houver)[^.\n]{0,40}(?:outr[ao]|mais|dúvida|pergunta)",
    r"(?:puis-je|est-ce que je peux)[^.?\n]{0,60}\?|si vous avez[^.\n]{0,40}(?:autres?|questions?)|n'hésitez pas|(?:posso|c'è|hai bisogno)\b[^.?\n]{0,40}(?:altro|aiutar)[^.\n]{0,30}\?|se hai[^.\n]{0,40}(?:altr|domand)|(?:kann ich|gibt es|haben sie)\b[^.?\n]{0,50}(?:ander|sonst|helfen|noch)[^.\n]{0,30}\?|wenn (?:sie|du)[^.\n]{0,30}(?:ander|weitere|fragen)",
    r"(?:могу ли я|чем еще|чем ещё|есть ли)[^.?\n]{0,60}\?|если (?:у вас|вам|есть)[^.\n]{0,40}(?:друг|вопрос|ещё|еще)|не стесняйтесь|no dudes en|fico à disposição|estoy aquí para|estou aqui para|je suis là pour|ich bin (?:gerne )?hier|sono qui per|буду рад",
)

ASKED = (
    r"(?:escrib|redact|traduc|responde|escrev|redij|traduz|écri|rédig|tradui|réponds|scriv|traduci|rispond|schreib|verfass|übersetz|antwort|напиши|переведи|составь|ответь)[^\n]{0,160}?"
    r"(?:rechaz|disculp|negar|lo siento|no puedo|declin|recus|desculp|não posso|refus|excuse|désolé|je ne peux|rifiut|scus|mi dispiace|non posso|ablehn|absage|entschuldig|leid|kann nicht|отказ|извин|не могу|сожален)",
)
