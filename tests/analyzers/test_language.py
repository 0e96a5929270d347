"""Language: which one a text is in, which one a prompt asks for, and what is no language at all."""

# ruff: noqa: RUF001 - phrases and texts read better unbroken, and their letters are meant

from typing import Any

import pytest
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.language import Language, about, asked, detect, foreign, mojibake

OWN = "Please tell me something about the weather in autumn."
ENGLISH = "In autumn it gets cooler, and the leaves of the trees fall to the ground until they are bare."
GERMAN = "Im Herbst wird es kühler und die Blätter fallen von den Bäumen, bis sie ganz kahl sind."

SENTENCES = {
    "ar": "الطقس جميل اليوم في المدينة",
    "bg": "Днес времето е хубаво и ще се разходим",
    "bn": "আজ শহরের আবহাওয়া খুব সুন্দর",
    "cs": "Dnes je venku krásně a půjdeme na procházku",
    "da": "Jeg ved ikke, hvad der skete efter mødet i går",
    "de": "Das ist ein guter Tag",
    "el": "Ο καιρός είναι καλός σήμερα",
    "en": "This is what they said to me",
    "es": "Hoy hace buen tiempo y vamos al parque con los niños",
    "fa": "امروز هوا خوب است و ما به پارک می رویم",
    "fi": "Tänään on hyvä sää ja menemme puistoon",
    "fr": "Il fait beau dans la ville aujourd'hui",
    "he": "מזג האוויר יפה היום בעיר",
    "hi": "आज शहर में मौसम बहुत अच्छा है",
    "hu": "Ma szép idő van, és a parkba megyünk",
    "id": "Cuaca hari ini sangat bagus di kota kami",
    "it": "Oggi il tempo è bello e andiamo al parco",
    "ja": "今日の天気はとても良いです",
    "ko": "오늘 날씨가 아주 좋습니다",
    "nl": "Het is vandaag mooi weer en wij gaan naar buiten",
    "no": "Jeg vet ikke hva som skjedde etter møtet i går",
    "pl": "Dzisiaj jest ładna pogoda i idziemy do parku",
    "pt": "Hoje o tempo está bom e vamos ao parque",
    "ro": "Astăzi vremea este frumoasă și mergem în parc",
    "ru": "Сегодня хорошая погода, и мы идём в парк",
    "sk": "Dnes je vonku pekne a pôjdeme na prechádzku",
    "sv": "Jag vet inte vad som hände efter mötet igår",
    "ta": "இன்று நகரத்தில் வானிலை நன்றாக உள்ளது",
    "th": "วันนี้อากาศดีมากในเมืองของเรา",
    "tr": "Bugün hava çok güzel ve parka gidiyoruz",
    "uk": "Сьогодні гарна погода, і ми йдемо в парк",
    "ur": "آج شہر میں موسم بہت اچھا ہے",
    "vi": "Hôm nay thời tiết rất đẹp ở thành phố",
    "zh": "今天城市里的天气很好",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_says_its_language(language: str) -> None:
    found = detect(SENTENCES[language])
    assert found is not None and found[0] == language


def test_names_of_another_script_do_not_change_the_language_of_a_text() -> None:
    assert detect("Я использую Kubernetes, PostgreSQL и GitHub Actions каждый день на работе")[0] == "ru"  # type: ignore[index]
    assert detect("The word 東京 means eastern capital, and it is what the city is called")[0] == "en"  # type: ignore[index]


def test_figures_addresses_and_code_say_no_language() -> None:
    assert detect("12 + 30 = 42; 7 * 6 = 42") is None
    assert detect("https://example.com/a/long/path `for x in range(10)`") is None


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Translate to Spanish: The dog sleeps.", "es"),
        ("The cat waits now. Translate into German.", "de"),
        ("Summarize the text below in French.", "fr"),
        ("Schreibe einen Brief auf Deutsch.", "de"),
        ("Responde en inglés, por favor.", "en"),
        ("Translate from French into Italian: bonjour", "it"),
        ("Your entire response should be in Kannada language.", "kn"),
        ("Explain the history of the German language.", None),
        ("What does the word Spanish mean?", None),
    ],
)
def test_the_language_asked_for_is_read_from_the_prompt(prompt: str, language: str | None) -> None:
    assert asked(prompt) == language


def test_a_prompt_that_names_a_language_is_about_languages_and_others_are_not() -> None:
    assert about("What does the word Spanish mean?", "es") and about("Translate this.", "fr")
    assert not about("What does the word Spanish mean?", "fr")
    assert not about("Describe the river and the programming language of its mill.", "fr")


def test_a_reply_in_another_language_than_asked_for_is_wrong(scored: Any) -> None:
    ask = "Translate to Spanish: The dog eats bread in the kitchen every day."
    right, wrong = (
        "El perro come pan en la cocina todos los días.",
        "The dog eats bread in the kitchen every day.",
    )
    assert scored(Language(), a_pair(ask, right, wrong)).change("wrong_language") == 1.0


def test_without_a_wish_the_prompts_own_language_is_expected(scored: Any) -> None:
    assert scored(Language(), a_pair(OWN, ENGLISH, GERMAN)).change("wrong_language") == 1.0
    assert scored(Language(), a_pair(OWN, ENGLISH, SENTENCES["zh"] * 3)).change("wrong_language") == 1.0


def test_a_short_reply_or_data_says_nothing(scored: Any) -> None:
    assert "wrong_language" not in scored(Language(), a_pair(OWN, "Cool.", "Kühl."))
    data = scored(Language(), a_pair("Return JSON: " + OWN, '{"a": "Blätter fallen"}'))
    assert "wrong_language" not in data


def test_a_language_that_is_not_told_apart_is_never_wrong(scored: Any) -> None:
    prompt = "Write a greeting, and respond only in Swahili please."
    assert "wrong_language" not in scored(Language(), a_pair(prompt, ENGLISH, GERMAN))


@pytest.mark.parametrize("language", ["de", "es", "ru", "zh", "ja", "ar", "hi", "ko"])
def test_a_passage_in_another_language_is_wrong_in_part_and_its_place_is_told(
    scored: Any, language: str
) -> None:
    passage = " ".join(
        [SENTENCES[language], *([GERMAN] * 2 if language == "de" else [SENTENCES[language]] * 4)]
    )
    english = " ".join([ENGLISH] * 6)
    mixed = f"{english} {passage} {english}"
    (score,) = Language().score(a_pair(OWN, english, mixed))
    assert score.values == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 0.5}
    (span,) = score.spans
    assert abs(span.start - len(english)) <= 20 and abs(span.end - len(english) - len(passage)) <= 20


def test_without_a_prompt_a_reply_is_held_against_its_own_language(scored: Any) -> None:
    english = " ".join([ENGLISH] * 6)
    assert scored(Language(), a_pair("", english, GERMAN)).change("wrong_language") == 0.0
    assert (
        scored(Language(), a_pair("", english, f"{english} {GERMAN} {GERMAN}")).change("wrong_language")
        == 0.5
    )


def test_an_explanation_in_the_prompts_language_beside_a_translation_is_fine(scored: Any) -> None:
    ask = "Translate this sentence into German and explain your choice of words: " + ENGLISH
    text = f"{GERMAN}\n\n{ENGLISH} This is why the words were chosen, and it is how they are used."
    assert scored(Language(), a_pair(ask, GERMAN, text)).change("wrong_language") == 0.0


def test_a_quotation_is_no_passage() -> None:
    text = f"{ENGLISH} He said “C'est la vie, mon ami” and left. {ENGLISH} The sign read 東京駅. {ENGLISH}"
    assert foreign(text, "en") is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Les élèves sont arrivés à l’école où ils étudient.", "fr"),
        (GERMAN, "de"),
        (SENTENCES["ru"], "ru"),
        (SENTENCES["ja"], "ja"),
        (SENTENCES["ar"], "ar"),
        (SENTENCES["el"], "el"),
        (SENTENCES["hi"], "hi"),
        (SENTENCES["ko"], "ko"),
        (SENTENCES["th"], "th"),
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "twice"])
def test_text_decoded_with_the_wrong_encoding_is_mojibake_and_sound_text_is_not(
    text: str, language: str, encoding: str
) -> None:
    first = "latin-1" if encoding == "twice" else encoding
    broken = text.encode().decode(first, "replace").replace("\ufffd", "")
    if encoding == "twice":
        broken = broken.encode().decode("latin-1")
    assert mojibake(text) is None
    assert mojibake(broken) is not None


@pytest.mark.parametrize(
    "text",
    [
        "« Un café… » dit-il. « Déjà\u00a0?\u00a0» À “bientôt”, n’est-ce pas\u00a0? Ça va… “Où ?”",
        "Er sagte: „Viel Spaß“, und sie: „Grüß“. Preis: 5\u00a0€ – 3×4 = 12 „Ä“",
        "Não há João — “São Paulo” … ÃO, À, É; 5 º e 3 ª; 20 °C ± 2 °C; £5 ½ ©2020",
        "Å være eller ikke være. Ålesund, Ärger, ÅÄÖ — “Å”…",
        "СССР, РСФСР и США; Россия. «Спасибо!» – №5",
    ],
)
def test_unusual_but_sound_characters_are_no_mojibake(text: str) -> None:
    assert mojibake(text) is None


def test_mojibake_is_no_language(scored: Any) -> None:
    broken = GERMAN.encode().decode("latin-1")
    assert scored(Language(), a_pair(GERMAN, GERMAN, broken)).change("wrong_language") == 1.0
