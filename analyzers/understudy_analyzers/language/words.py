"""Small words and letters that give a language away, for languages that share a script.

A third to a half of the words of any prose are these, so a few dozen of them tell a language in a sentence or two,
and tell close kin apart where byte statistics waver. A word may belong to several languages: it then speaks for
each. The lists are our own, made of pronouns, articles, prepositions, conjunctions and auxiliary verbs.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

_WORDS: Mapping[str, str] = {
    "en": "the of and to in is that for with as are this on it by be from which an or at can you your have has was were will not these their they its more such other also into we i but if when what how there would should may about than been our my he she his her do does did no me us him each all any some than most many how who let so just up out make where both only these those being could must after before between through because while then one don like two three four five six seven eight nine ten twenty thirty forty fifty hundred",
    "es": "de la que el en y a los del se las por un para con no una su es al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni contra otros ese eso puede son está ser tiene tu te usted estas estos dos tres cuatro cinco seis siete ocho nueve diez veinte treinta cuarenta cincuenta cien",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse eles estão você essa num nem suas meu às são pode uns isto ou dois três quatro cinco seis sete oito nove dez vinte trinta quarenta cinquenta cem",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son être aux mais comme cette nous vous ses elle leur on qu y tout ont peut été sans votre vos ces leurs même où bien aussi entre si je faire fait très deux trois quatre cinq six sept huit neuf dix vingt trente quarante cinquante soixante cent",
    "it": "di e il la che in un a è per una sono con non del si da come le più i al dei nel della ma ha gli lo anche delle questo alla o dal nella se su ci essere quando questa loro degli sua suo molto può dalla tra ed sul alle cui ai dell ti tuo tua perché quello mi due tre quattro cinque sei sette otto nove dieci venti trenta quaranta cinquanta cento",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man kann ihr wir ich sein wenn ihre diese dieser können unter zwei drei vier fünf sechs sieben acht neun zehn zwanzig dreißig vierzig fünfzig hundert",
    "nl": "de van het een en in is dat op te zijn met voor niet aan er die als om ook door naar bij wordt maar uit of dan nog worden kan hebben heeft over tot deze dit wat geen je jij ik we u meer zich wel kunnen hun uw waar zo omdat deze moet",
    "sv": "och i att det som en på är av för med den till inte om ett har de jag var så men vi du kan eller från när hur man ska där också vid efter upp under ut sin mycket mer än deras detta dessa blir vara mellan genom här din ditt ha sig",
    "da": "og i at det som en på er af for med den til ikke om et har de jeg var så men vi du kan eller fra når hvordan man skal hvor også ved efter op under ud sin meget mere end deres dette disse bliver være mellem gennem her din dit have sig nogle kunne noget mig",
    "no": "og i å det som en på er av for med den til ikke om et har de jeg var så men vi du kan eller fra når hvordan man skal hvor også ved etter opp under ut sin mye mer enn deres dette disse blir være mellom gjennom her din ditt ha seg noen kunne noe meg ble",
    "fi": "ja on ei että se joka hän oli ovat mutta kun niin myös voi tai kuin sen ne jos jotka ole mitä olla sekä hänen ovat vain nyt minä sinä tämä tämän hyvin koska jonka siitä niitä heidän voidaan sitä mukaan kanssa ennen jälkeen",
    "et": "ja on ei et see mis ka kui oli ning aga selle või oma ta mida seda kes nii siis tema võib saab nende olla välja üle pärast kuid ma sa nad ole sest need",
    "hu": "a az és hogy nem is egy ez meg de volt csak már mint vagy ki még van el ha azt fel lehet ami aki között után minden ezt nagyon kell sem nem ezek valamint pedig melyek mert így",
    "pl": "i w na z się nie do to jest że o jak za od po przez dla są a co ale może jego które który oraz czy przy był już tym tego być ich ze ma lub też tak tylko bardzo gdy jako została mnie ty ja która jej między aby możesz",
    "cs": "a se v na je že z s do o to i ve který pro si jsou za jako by po tak jeho k které od při ale nebo jak není byl být může bylo své než až také jsem mezi když kde jejich aby což což podle tento pokud více ze už protože musí",
    "sk": "a sa v na je že z s do o to i vo ktorý pre si sú za ako by po tak jeho k ktoré od pri ale alebo nie bol byť môže bolo svoje než až tiež som medzi keď kde ich aby čo podľa tento ak viac zo už pretože musí",
    "sl": "in je v na se da za so z ki ne pa po tudi kot iz ali bi od pri o kar še lahko ta ko bil bila ker zelo več med njegova to sem ni če kako vse biti",
    "hr": "i je u na se da za su s koji od ne kao o ili to iz koje koja bi po što sam ali te nije može biti bio pri više nakon između sve kako samo ako jer prije već kada svoje",
    "ro": "de și în a la cu pe o că un este din se pentru nu care mai sunt au ce fi prin ca dar sau al ale ai lui această acest fost poate după între când foarte dacă unei unui lor cel fiind iar îi ei am te tu tău",
    "tr": "ve bir bu için de da ile çok olarak daha gibi en olan ne var kadar sonra o ancak veya her değil ise mi ama ya olduğu tarafından ki göre bunu şekilde benim sen ben biz siz nasıl bazı önemli arasında hem olabilir",
    "id": "yang dan di dengan untuk dari pada ini dalam tidak adalah itu ke akan atau juga oleh anda kita sebagai karena dapat saya ada mereka bisa lebih telah kami seperti secara tersebut serta sudah jika dia ia lain hanya banyak harus antara",
    "vi": "và của là các có cho không được trong một người này những với để đã khi như về từ ra đến tôi cũng vào nhiều bạn trên sự đó nhưng hay hoặc thể theo tại bị nếu rất cần vì",
    "lt": "ir yra kad iš į su buvo ar tai kaip bet jis savo jų už nuo apie tik gali kuris prie dėl jo ne tačiau jei taip pat arba",
    "lv": "un ir no ar par kas uz bet kā tas vai pie arī pēc bija to tā var nav viņš savu lai līdz gan kad ja tiek šī",
    "ru": "и в не на что с по это как для из к от он но его или все за так мы может вы у о а же бы их она то при также если быть может который которые чтобы когда были был это очень",
    "uk": "і в не на що з по це як для із до від він але його або всі за так ми може ви у та й же би їх вона то при також якщо бути який які щоб коли були був дуже є про",
    "bg": "и в не на че с по това как за от той но го или всички така ние може вие у а са се да ще е тя при също ако бъде който които когато бяха беше много до като",
    "ar": "في من على إلى أن التي هذا هذه الذي مع عن ما لا كان ذلك بين كما قد كل أو ثم بعد هو هي لم يمكن",
    "fa": "در به از که این را با است برای آن یک خود تا بر هم یا شود می شما ما هستند کرد بود اما نیز باشد های",
    "ur": "کے کی میں اور سے کو ہے کا نے ہیں یہ پر ایک کہ بھی وہ اس جو تھا ہو کر لیے تھے نہیں ان آپ",
}  # fmt: skip
_MARKS: Mapping[str, str] = {
    "es": "ñ¿¡", "pt": "ãõç", "fr": "œçêèùû", "it": "ìò", "de": "ßüöä", "sv": "åäö", "da": "åæø", "no": "åæø",
    "fi": "äö", "et": "õäöü", "hu": "őűöü", "pl": "łżśźćńąę", "cs": "řěůčšž", "sk": "ľĺŕôčšž", "sl": "čšž",
    "hr": "ćđčšž", "ro": "șțăşţ", "tr": "ğışİ", "vi": "đơưạảấầẩậắằặẹẻếềểệịọỏốồổộớờởợụủứừửựỳỹ", "lt": "ėųįąčęšž",
    "lv": "ļķņģāēīū", "ru": "ыэё", "uk": "іїєґ", "bg": "ъ", "ar": "يكةىأإ", "fa": "پچگژیک", "ur": "ٹڈڑںےہھی",
}  # fmt: skip
_ENDINGS: Mapping[str, str] = {
    "en": "ing tion ness ity ght ful ous ed ck th ally ence",
    "es": "ción ciones sión dad dades miento aje ando iendo ado ados ada adas illo ito ares ales ivo ez ble uela",
    "pt": "ção ções são ão ões dade dades mento agem ando endo indo ado ados ada adas inho eiro eira ais eis ém ível lho nha",
    "it": "zione zioni sione mento menti ità ando endo ato ati ata ate ello etta aggio che zza gli tti lle bile are ere ire",
    "fr": "tion tions ement ité eux euse ait aient ée és ées age ique ance ence oire eau eaux elle ette ent aux",
    "de": "ung ungen lich liche keit heit schaft isch ische ten chen sten igen ierung",
    "nl": "lijk lijke heid ing ingen tie ten aar eren jes isch",
    "sv": "ning ningar het lig liga ade erna arna tion ska", "da": "ning ninger hed lig lige ede erne tion ske",
    "no": "ning ninger het lig lige ene tion sjon ske", "fi": "inen ssa ssä sta stä lla llä lle een ksi isen uus yys",
    "hu": "ság ség ban ben nak nek ból ből val vel tás tés", "pl": "nie ość ego ych owy owa ować ami cie enia", "cs": "ní ost ého ých ový ová ovat ami ění",
    "sk": "nie osť ého ých ový ová ovať ami enia", "ro": "ului ilor ție ții are ească lor ată ate ului ea",
    "tr": "lar ler ları leri dır dir mak mek lık lik nın nin ında inde ması mesi",
    "id": "kan nya lah ang an asi", "ru": "ого его ться ами ями ых их ость ения ать ить ный ная ное", "uk": "ого ого ться ння ість ами ями ти ний них",
    "bg": "ата ите ето ване ият ята ност ски ето ва",
}  # fmt: skip
TIMES = 3
"""Times that one word may speak: a word over and over is an abbreviation or a column of a table."""
WORD = re.compile(r"[^\W\d_]+")


def _turned(lists: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    turned: dict[str, list[str]] = {}
    for code, items in lists.items():
        for item in dict.fromkeys(items):
            turned.setdefault(item, []).append(code)
    return {item: tuple(found) for item, found in turned.items()}


WORDS = _turned({code: words.split() for code, words in _WORDS.items()})
"""Word in lower case -> the languages that it is a small word of."""
ENDINGS = _turned({code: endings.split() for code, endings in _ENDINGS.items()})
"""Ending of a word of at least five letters -> the languages that have many such."""
MARKS = _turned(_MARKS)
"""Letter in lower case -> the languages that it is typical of."""


@cache
def small(code: str) -> frozenset[str]:
    """The small words of one language."""
    return frozenset(_WORDS.get(code, "").split())


def votes(text: str) -> dict[str, int]:
    """How many small words of a text, TIMES each at most, and typical letters in it speak for each language."""
    found: dict[str, int] = {}
    lowered = text.lower()
    for word, times in Counter(WORD.findall(lowered)).items():
        for code in WORDS.get(word, ()):
            found[code] = found.get(code, 0) + min(times, TIMES)
    if not text.isascii():
        for letter in set(lowered):
            for code in MARKS.get(letter, ()):
                found[code] = found.get(code, 0) + 1
    return found


def endings(text: str) -> dict[str, int]:
    """How many longer words of a text end as words of each language do: a word speaks once, with its longest ending."""
    found: dict[str, int] = {}
    for word in set(WORD.findall(text.lower())):
        if len(word) < 5:
            continue
        for size in (6, 5, 4, 3, 2):
            if codes := ENDINGS.get(word[-size:]):
                for code in codes:
                    found[code] = found.get(code, 0) + 1
                break
    return found
