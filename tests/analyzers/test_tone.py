"""Tone: what each dimension must see, and what it must not."""

# ruff: noqa: RUF001 - other alphabets are meant

import time
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from understudy.pair import Leg
from understudy.score import Sense
from understudy.testing import a_pair
from understudy_analyzers.tone import Tone, lexicon, tokens
from understudy_analyzers.tone.reading import READ, read

PROSE = (
    "The river rises in the hills above the town and runs for a day before it meets the sea. Along its "
    "banks stand mills that once ground the corn of the whole valley, and most of them still turn in spring."
)


def changes(one: str, other: str) -> dict[str, float]:
    scores = Tone().score(a_pair("Say it.", one, other))
    return {score.metric: score.values[Leg.CANDIDATE] - score.values[Leg.BASELINE] for score in scores}


def test_every_dimension_has_two_directions() -> None:
    assert all(metric.sense is Sense.BOTH for metric in Tone.metrics)
    assert {metric.name for metric in Tone.metrics} == {
        *("formality", "politeness", "sentiment", "hedging", "address", "emphasis", "verbosity")
    }


def test_fewer_dimensions_may_be_asked_for_and_the_others_are_told_as_before() -> None:
    pair = a_pair("Say it.", "Thank you, dear reader.", "Hey, perhaps you gonna like it!")
    few = Tone(dimensions=("verbosity", "hedging"))
    assert [metric.name for metric in few.metrics] == ["hedging", "verbosity"]
    assert list(few.score(pair)) == [s for s in Tone().score(pair) if s.metric in ("hedging", "verbosity")]
    with pytest.raises(ValueError, match="no 'mood': there are formality"):
        Tone(dimensions=("mood",))


FRAMES = {
    "formality": (
        "Hey, so the {} is kinda cool, and it's gonna need a {} too, you know. Don't forget that!",
        "Dear Sir, the {} is of interest; furthermore, it will require a {}. Kindly ensure that this is provided.",
    ),
    "politeness": (
        "Why did you touch the {}? You must read the rules and stop. What is your problem with the {}?",
        "Thank you for the {}, great work. Could you please have a look at the {} when you have time?",
    ),
    "sentiment": (
        "The {} is terrible and ugly, a sad failure; everybody hates that useless {}.",
        "The {} is wonderful and beautiful, a great success; everybody loves that helpful {}.",
    ),
    "hedging": (
        "The {} is blue. It will replace the {} in June.",
        "The {} is perhaps blue. It might possibly replace the {} in June, I think.",
    ),
    "address": (
        "The {} goes on the table, and the {} below it, where the light falls.",
        "Put your {} on your table, and your {} below it, where you see it.",
    ),
    "emphasis": (
        "The {} is here. It has a {} as well.",
        "The {} is here!! It has a {} as well! \U0001f389",
    ),
}
CONTENTS = (("kettle", "lamp"), ("senate", "budget"), ("enzyme", "membrane"), ("novel", "sequel"))


@pytest.mark.parametrize("metric", FRAMES)
def test_another_tone_moves_a_dimension_and_another_content_does_not(metric: str) -> None:
    low, high = FRAMES[metric]
    for content in CONTENTS:
        assert changes(low.format(*content), high.format(*content))[metric] > 0.2
        for other in CONTENTS:
            assert abs(changes(low.format(*content), low.format(*other))[metric]) < 0.02
            assert abs(changes(high.format(*content), high.format(*other))[metric]) < 0.02


def test_an_email_made_formal_is_longer_and_more_formal(scored: Any) -> None:
    casual, formal = (
        "hey Anna, gimme the report asap. thx!",
        "Dear Anna, would you please give me the report as soon as possible. Thank you very much.",
    )
    shift = scored(Tone(), a_pair("Make this formal", casual, formal))
    assert shift.change("formality") > 0.3 and shift.change("verbosity") > 0.1
    assert scored(Tone(), a_pair("", formal, formal.replace("Anna", "Boris"))).change("formality") == 0


def test_a_contraction_is_casual_and_means_what_it_is_short_for() -> None:
    shift = changes("I don't think it's likely; we can't say.", "I do not think it is likely; we cannot say.")
    assert shift["formality"] > 0.05
    assert shift["hedging"] == shift["sentiment"] == shift["politeness"] == 0


FORMS = {
    "es": ("Si usted quiere, puede preguntar a su médico.", "Si tú quieres, puedes preguntar a tu médico."),
    "fr": ("Je pense que vous devez voir votre médecin.", "Je pense que tu dois voir ton médecin."),
    "de": (
        "Ich denke, dass Sie Ihren Arzt fragen sollten.",
        "Ich denke, dass du deinen Arzt fragen solltest.",
    ),
    "pt": (
        "Acho que o senhor deve ver o médico, se a senhora quiser.",
        "Acho que tu deves ver o teu médico, se tu quiseres.",
    ),
    "it": ("Penso che Lei debba vedere il Suo medico.", "Penso che tu debba vedere il tuo medico."),
    "ru": ("Я думаю, что вам надо спросить вашего врача.", "Я думаю, что тебе надо спросить твоего врача."),
    "zh": ("我觉得您应该去看您的医生。", "我觉得你应该去看你的医生。"),
    "ja": (
        "医者に相談したほうがいいと思います。それが一番です。",
        "医者に相談したほうがいいと思う。それが一番だ。",
    ),
    "ko": (
        "의사와 상담하는 것이 좋습니다. 그것이 가장 중요합니다.",
        "의사와 상담하는 것이 좋다. 그것이 가장 중요하다.",
    ),
    "hi": ("मुझे लगता है कि आप अपने डॉक्टर से पूछें।", "मुझे लगता है कि तुम अपने डॉक्टर से पूछो।"),
}


@pytest.mark.parametrize("language", FORMS)
def test_the_familiar_form_of_address_is_less_formal_in_every_language_that_has_one(language: str) -> None:
    polite, familiar = FORMS[language]
    assert read(polite).language == read(familiar).language == language
    assert changes(polite, familiar)["formality"] < -0.1


def test_german_sie_is_you_only_with_its_capital_inside_a_sentence() -> None:
    assert read("Die Katzen schlafen, weil sie müde sind. Sie sind alt.").count("v") == 0
    assert read("Ich danke Ihnen, dass Sie mit uns gekommen sind.").count("v") == 2


SAID = {
    "es": (
        "Es un resultado excelente y muy útil para la gente.",
        "Es un desastre terrible y triste para la gente.",
    ),
    "fr": (
        "C'est un résultat magnifique et très utile pour nous.",
        "C'est un désastre terrible et triste pour nous.",
    ),
    "de": (
        "Das ist ein wunderbarer und sehr gutes Werk, perfekt.",
        "Das ist eine schlimme und traurige Katastrophe.",
    ),
    "pt": (
        "É um resultado maravilhoso e muito útil para as pessoas.",
        "É um desastre terrível e triste para as pessoas.",
    ),
    "it": ("È un risultato meraviglioso e molto utile per noi.", "È un disastro terribile e triste per noi."),
    "ru": ("Это замечательный и очень полезный результат.", "Это ужасный провал и большая проблема."),
    "zh": ("这是一个完美的成功，我很高兴。", "这是一个可怕的失败，我很失望。"),
    "ja": ("これは素晴らしい成功で、とても嬉しいです。", "これはひどい失敗で、とても悲しいです。"),
    "ko": ("이것은 훌륭하고 매우 유용한 성공입니다.", "이것은 끔찍하고 매우 위험한 실패입니다."),
    "ar": ("هذا نجاح رائع و مفيد جدا من كل الناس", "هذا فشل رهيب و خطير جدا من كل الناس"),
    "hi": ("यह एक शानदार और बहुत उपयोगी सफलता है।", "यह एक भयानक और बहुत खतरनाक समस्या है।"),
}


@pytest.mark.parametrize("language", SAID)
def test_good_and_bad_news_are_told_apart_in_every_language(language: str) -> None:
    good, bad = SAID[language]
    assert read(good).language == read(bad).language == language
    assert changes(good, bad)["sentiment"] < -0.2


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("The service is not good.", "The service is good."),
        ("The service is good.", "The service is extremely good."),
        ("The service is horrible.", "The service is not horrible."),
        ("Nobody liked it, and it never worked well.", "Everybody liked it, and it always worked well."),
        ("この製品は良くない。", "この製品は良い。"),
        ("El servicio no es bueno.", "El servicio es bueno."),
    ],
)
def test_negation_turns_sentiment_and_intensifiers_raise_it(less: str, more: str) -> None:
    assert changes(less, more)["sentiment"] > 0.01


@pytest.mark.parametrize(
    ("curt", "polite"),
    [
        ("Send me the file.", "Could you please send me the file?"),
        ("Please, stop that.", "I was wondering if you could look at that, thank you."),
        ("You did not read it. Why not?", "I think there may be a misunderstanding, sorry about that."),
        ("¿Por qué lo has borrado?", "Hola, ¿podrías mirarlo, por favor? Muchas gracias."),
        ("Pourquoi vous avez supprimé ça ?", "Bonjour, pourriez-vous regarder cela ? Merci d'avance."),
        ("Почему вы это удалили?", "Здравствуйте, не могли бы вы посмотреть? Спасибо."),
        ("आपने इसे क्यों हटाया?", "नमस्ते, कृपया क्या आप इसे देख सकते हैं? धन्यवाद।"),
        ("왜 삭제했습니까?", "안녕하세요, 혹시 봐 주실 수 있을까요? 감사합니다."),
        ("Warum hast du das gelöscht?", "Hallo, könntest du dir das bitte ansehen? Vielen Dank!"),
        ("Por que você apagou isso?", "Olá, você poderia olhar isso, por favor? Muito obrigado."),
        ("Chi sei per dirlo? Smettila.", "Salve, potresti guardarlo, per favore? Grazie mille."),
        ("你为什么删除它？", "您好，能否请您看一下？非常感谢。"),
        ("なぜ消したのか。", "こんにちは。見ていただけますか。ありがとうございます。"),
        ("لماذا حذفت هذا؟ توقف.", "مرحبا، هل يمكنك أن تنظر في هذا من فضلك؟ شكرا جزيلا."),
    ],
)
def test_a_polite_request_is_politer_than_a_curt_one(curt: str, polite: str) -> None:
    assert changes(curt, polite)["politeness"] > 0.15


HELD_BACK = {
    "es": ("El tren llega a las ocho.", "Quizás el tren llega a las ocho, creo que es posible."),
    "fr": (
        "Le train arrive dans la ville à huit heures.",
        "Le train arrive peut-être à huit heures, il me semble.",
    ),
    "de": ("Der Zug kommt um acht an.", "Der Zug kommt vielleicht um acht an, ich glaube, das ist möglich."),
    "pt": ("O trem chega às oito.", "Talvez o trem chegue às oito, acho que é possível."),
    "it": ("Il treno arriva alle otto.", "Forse il treno arriva alle otto, penso che sia possibile."),
    "ru": ("Поезд прибывает в восемь.", "Возможно, поезд прибывает в восемь, мне кажется."),
    "zh": ("火车在八点到。", "火车可能在八点到，我觉得不一定。"),
    "ja": ("電車は八時に着きます。", "電車はおそらく八時に着くかもしれません。"),
    "ko": ("기차는 여덟 시에 도착합니다.", "기차는 아마 여덟 시에 도착할 것 같습니다."),
    "ar": ("القطار يصل في الثامنة.", "ربما يصل القطار في الثامنة، أعتقد ذلك."),
    "hi": ("ट्रेन आठ बजे आती है।", "शायद ट्रेन आठ बजे आती है, मुझे लगता है।"),
}


@pytest.mark.parametrize("language", HELD_BACK)
def test_hedges_are_known_in_every_language(language: str) -> None:
    sure, unsure = HELD_BACK[language]
    assert read(sure).language == read(unsure).language == language
    assert changes(sure, unsure)["hedging"] > 0.2


LETTERS = {
    "es": (
        "Oye, qué guay lo tuyo, vale? Jajaja, chao!",
        "Estimado señor: le agradecería una respuesta. Atentamente.",
    ),
    "fr": (
        "Salut, c'est cool ton truc, ouais! Bisous!",
        "Monsieur, je vous prie d'agréer mes salutations. Cordialement.",
    ),
    "de": (
        "Hey, das ist echt krass, ne? Tschüss!",
        "Sehr geehrte Damen und Herren, hiermit teile ich mit, dass das gilt.",
    ),
    "pt": (
        "Oi, cara, que legal isso aí, né? Valeu, tchau!",
        "Prezado senhor, solicito uma resposta. Atenciosamente.",
    ),
    "it": (
        "Ehi ragazzi, che figata, boh! Ciao!",
        "Egregio dottore, porgo i miei cordiali saluti. Inoltre, la ringrazio.",
    ),
    "ru": (
        "Привет, ну это круто, блин! Пока!",
        "Уважаемый господин, настоящим сообщаем о решении. С уважением.",
    ),
    "zh": ("嗨，哥们，这个超级棒啊，哈哈！拜拜！", "尊敬的先生：根据您的来信，我们敬请您回复。此致，敬礼。"),
    "ja": (
        "やあ、めっちゃやばいじゃん。まじだよね。",
        "拝啓。お願いいたします。何卒よろしくお願い申し上げます。敬具。",
    ),
    "ko": ("야, 진짜 대박이야. 완전 짱이네 ㅋㅋ", "존경하는 선생님께 말씀드립니다. 답변을 주시기 바랍니다."),
    "ar": (
        "أهلا، شو هذا؟ حلو كتير هههه، يلا باي!",
        "السيد المحترم، تحية طيبة وبعد، يسرنا أن نرد. تفضلوا بقبول فائق الاحترام.",
    ),
    "hi": ("अरे यार, यह तो मस्त है! चलो भाई, वाह!", "आदरणीय महोदय, आपसे निवेदन है कि उत्तर प्रदान करें। सादर, भवदीय।"),
}


@pytest.mark.parametrize("language", LETTERS)
def test_a_letter_is_more_formal_than_a_chat_in_every_language(language: str) -> None:
    chat, letter = LETTERS[language]
    assert read(chat).language == read(letter).language == language
    assert changes(chat, letter)["formality"] > 0.3


def test_a_month_a_topic_and_a_request_are_no_hedges() -> None:
    assert read("In May 2019 he wrote about the war. May 3 was a Friday.").count("hedge") == 0
    assert read("Could you send it? May I see it?").count("hedge") == 0
    assert read("It may take about 5 days.").count("hedge") == 2


def test_code_and_addresses_have_no_tone() -> None:
    code = "```python\nif not great != awesome: hey()  # maybe!\n```"
    with_code = read(f"{PROSE}\n{code}\n`perhaps!` https://example.com/please?thanks")
    assert with_code.tally == read(PROSE).tally


def test_one_capital_word_is_a_name_and_three_are_shouting() -> None:
    assert read("NASA and the HTTP API are here.").count("shout") == 0
    assert read("PLEASE READ THIS NOW, thank you.").count("shout") == 4


def test_a_forecast_that_is_unsure_hedges(scored: Any) -> None:
    sure = "It will rain tomorrow, and the day after will be dry."
    unsure = "Perhaps it might rain, it seems likely, though I think it could also stay dry."
    assert scored(Tone(), a_pair("", sure, unsure)).change("hedging") > 0.3


def test_length_doubled_and_halved_are_opposite_and_bounded(scored: Any) -> None:
    up = scored(Tone(), a_pair("", PROSE, PROSE * 2)).change("verbosity")
    down = scored(Tone(), a_pair("", PROSE * 2, PROSE)).change("verbosity")
    assert up == pytest.approx(-down) and up == pytest.approx(0.25, abs=0.03)
    assert scored(Tone(), a_pair("", PROSE, PROSE * 900)).value("verbosity") == 1.0
    assert abs(scored(Tone(), a_pair("", "Yes", "Yes.")).change("verbosity")) < 0.02


def test_a_reply_that_was_cut_short_has_no_tone_to_compare() -> None:
    assert not Tone().score(a_pair("Say it.", "Thank you, dear", "Thank you, dear reader!", censored=True))


def test_saying_it_twice_changes_the_length_and_hardly_the_tone() -> None:
    text = "Of course! You may want to try the soup, I think it's great. Let me know, thanks."
    shift = changes(f"{text} {PROSE}", f"{text} {PROSE} {text} {PROSE}")
    assert all(abs(by) < 0.12 for metric, by in shift.items() if metric != "verbosity")


def test_evidence_stands_where_it_says_even_after_letters_that_grow_in_lower_case() -> None:
    text = "İİİ stands here. Perhaps it’s great, thank you!"
    for score in Tone().score(a_pair("", text, text)):
        for span in score.spans:
            if span.label in ("hedge", "thanks", "contraction"):
                assert text[span.start : span.end] in ("Perhaps", "thank you", "it’s")


def test_every_entry_of_every_list_can_be_read_and_every_word_found_again() -> None:
    for language in ("any", *lexicon.LANGUAGES):
        for mark, entries in lexicon.listed(language).items():
            for entry in entries:
                assert tokens.plain(entry), (language, mark, entry)
    assert all(lexicon.listed(language).keys() <= set(KNOWN) for language in lexicon.LANGUAGES)


KNOWN = (
    *(
        "stop",
        "none",
        "you",
        "t",
        "v",
        "polite",
        "plain",
        "casual",
        "formal",
        "hedge",
        "often",
        "thanks",
        "please",
    ),
    *(
        "start",
        "sorry",
        "greeting",
        "defer",
        "could",
        "can",
        "offer",
        "blunt",
        "curse",
        "direct",
        "me",
        "we",
        "press",
    ),
    *("not", "very", "slightly", "good", "bad", "smile"),
)


@pytest.mark.parametrize(
    "text",
    [
        "." * READ + "x",
        "n't" * READ,
        "NO " * READ,
        "`" * READ,
        "http://" * READ,
        "可能" * READ,
        "i'd'" * READ,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    Tone().score(a_pair("", text, text[1:]))
    assert time.process_time() - began < 0.2


def test_one_model_on_two_servers_shifts_no_dimension(data: Path) -> None:
    from eval.tone import VICUNA, changes, replies

    found = changes(replies(data, VICUNA), replies(data, f"{VICUNA}-togetherai"))
    assert all(abs(fmean(by.values())) < 0.025 for by in found.values())
