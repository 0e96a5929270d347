"""Prompts of our own that ask for what IFEval's do in other words, for `eval.instruction`.

Each is (prompt, instructions); an instruction is its kind's name and its arguments as IFEval writes them, of which
`at least`, `less than` and `exactly` are relations. OPEN was looked at while rules were made; BLIND was written
after them, and no rule was changed for it.
"""

# ruff: noqa: D103, E501 - each is its kind's name; a prompt reads better unbroken, curly quotes and all

from collections.abc import Sequence

Given = tuple[str, tuple[object, ...]]
Asked = tuple[str, Sequence[Given]]


def _of(kind: str, *arguments: object) -> Given:
    return kind, arguments


COMMA = _of("punctuation:no_comma")
JSON = _of("detectable_format:json_format")
TITLE = _of("detectable_format:title")
TWO = _of("combination:two_responses")
QUOTED = _of("startend:quotation")
UPPER = _of("change_case:english_capital")
LOWER = _of("change_case:english_lowercase")
YES = _of("detectable_format:constrained_response")


def words(relation: str, number: int) -> Given:
    return _of("length_constraints:number_words", relation, number)


def sentences(relation: str, number: int) -> Given:
    return _of("length_constraints:number_sentences", relation, number)


def paragraphs(number: int) -> Given:
    return _of("length_constraints:number_paragraphs", number)


def first(word: str, nth: int, number: int) -> Given:
    return _of("length_constraints:nth_paragraph_first_word", word, nth, number)


def bullets(number: int) -> Given:
    return _of("detectable_format:number_bullet_lists", number)


def lights(number: int) -> Given:
    return _of("detectable_format:number_highlighted_sections", number)


def places(number: int) -> Given:
    return _of("detectable_content:number_placeholders", number)


def sections(mark: str, number: int) -> Given:
    return _of("detectable_format:multiple_sections", mark, number)


def postscript(marker: str) -> Given:
    return _of("detectable_content:postscript", marker)


def end(phrase: str) -> Given:
    return _of("startend:end_checker", phrase)


def repeat(request: str) -> Given:
    return _of("combination:repeat_prompt", request)


def capitals(relation: str, number: int) -> Given:
    return _of("change_case:capital_word_frequency", relation, number)


def tongue(code: str) -> Given:
    return _of("language:response_language", code)


def has(*keywords: str) -> Given:
    return _of("keywords:existence", *keywords)


def lacks(*forbidden: str) -> Given:
    return _of("keywords:forbidden_words", *forbidden)


def times(word: str, relation: str, number: int) -> Given:
    return _of("keywords:frequency", word, relation, number)


def letter(character: str, relation: str, number: int) -> Given:
    return _of("keywords:letter_frequency", character, relation, number)


LEAST, LESS, EXACTLY = "at least", "less than", "exactly"

# fmt: off
OPEN: Sequence[Asked] = (
    ("Draft a short note to the neighbours about the street party. Be sure to work in the words \"barbecue\" and \"music\".", [has("barbecue", "music")]),
    ("Describe a sunrise over the sea; your description has to contain the keyword amber.", [has("amber")]),
    ("Tell me about volcanoes. The following keywords must be present: magma, crater, ash.", [has("magma", "crater", "ash")]),
    ("Summarise how vaccines work, and please mention \"antibody\" somewhere.", [has("antibody")]),
    ("Write a product review of a kettle. Incorporate the terms 'stainless' and 'whistle'.", [has("stainless", "whistle")]),
    ("Explain tides to a child. The words moon and gravity should appear in your answer.", [has("moon", "gravity")]),
    ("Compose a toast for a wedding that uses the words “promise” and “laughter”.", [has("promise", "laughter")]),
    ("Describe a rainy day. The word \"umbrella\" must show up no fewer than four times.", [times("umbrella", LEAST, 4)]),
    ("Write a travel diary entry in which the word 'train' occurs at least five times.", [times("train", LEAST, 5)]),
    ("Explain what a budget is. Use the term \"income\" a minimum of 3 times.", [times("income", LEAST, 3)]),
    ("Give me a speech about patience. Keep the word \"wait\" to at most two uses.", [times("wait", LESS, 3)]),
    ("Write about honey bees and use the keyword pollen more than 4 times.", [times("pollen", LEAST, 5)]),
    ("Tell a bedtime story, with the word dragon appearing fewer than 6 times.", [times("dragon", LESS, 6)]),
    ("Write a city guide for Lisbon where the name Lisbon is mentioned at least twice.", [times("lisbon", LEAST, 2)]),
    ("Review the film without mentioning the words \"plot\" or \"ending\".", [lacks("plot", "ending")]),
    ("How does a bicycle stay upright? Leave out the words physics and gyroscope.", [lacks("physics", "gyroscope")]),
    ("Please describe winter. The words snow and cold are forbidden.", [lacks("snow", "cold")]),
    ("Write a slogan for a bakery, but never use the word 'fresh'.", [lacks("fresh")]),
    ("Explain photosynthesis. You may not use the terms \"chlorophyll\" and \"glucose\".", [lacks("chlorophyll", "glucose")]),
    ("Describe your ideal holiday. Don't say \"beach\".", [lacks("beach")]),
    ("Give me tips on public speaking and steer clear of the words fear, panic, and nerves.", [lacks("fear", "panic", "nerves")]),
    ("Write a limerick on a goat. The letter z must occur at least 3 times.", [letter("z", LEAST, 3)]),
    ("Tell me a fact about Peru without using the letter 'a'.", [letter("a", LESS, 1)]),
    ("Write four lines on autumn. Make the letter \"w\" appear no more than 5 times.", [letter("w", LESS, 6)]),
    ("Congratulate my sister on her exam and put in at least 5 exclamation marks.", [letter("!", LEAST, 5)]),
    ("Write a post on our new office and use at least three hashtags.", [letter("#", LEAST, 3)]),
    ("Write a paragraph on owls in which the letter k shows up fewer than 4 times.", [letter("k", LESS, 4)]),
    ("What causes earthquakes? Reply exclusively in Portuguese.", [tongue("pt")]),
    ("Give three facts about camels. Your entire answer has to be in Arabic.", [tongue("ar")]),
    ("Introduce yourself. Use only the Bengali language in your reply, nothing else.", [tongue("bn")]),
    ("Write a greeting card in Finnish and in no other language.", [tongue("fi")]),
    ("Why is the sky blue? Respond in Korean.", [tongue("ko")]),
    ("Describe a market in the morning; the whole text should be written in Urdu.", [tongue("ur")]),
    ("Explain inflation using no more than four sentences.", [sentences(LESS, 5)]),
    ("Give your opinion on remote work. Your reply needs to have a minimum of 12 sentences.", [sentences(LEAST, 12)]),
    ("Introduce the city of Ghent in fewer than eight sentences.", [sentences(LESS, 8)]),
    ("Tell the story of Icarus in exactly five sentences.", [sentences(EXACTLY, 5)]),
    ("Sum up the plot of Hamlet in 3 sentences or fewer.", [sentences(LESS, 4)]),
    ("Describe how cheese is made; use between 6 and 9 sentences.", [sentences(LEAST, 6), sentences(LESS, 10)]),
    ("Write an obituary for a fictional explorer of no less than 250 words.", [words(LEAST, 250)]),
    ("Explain blockchain, keeping it under 80 words.", [words(LESS, 80)]),
    ("Give me a cover letter for a nurse. Don't exceed 180 words.", [words(LESS, 181)]),
    ("I need a 600+ word article on composting.", [words(LEAST, 600)]),
    ("What is dark matter? Limit your answer to 90 words.", [words(LESS, 91)]),
    ("Tell me about the Silk Road in 150 to 200 words.", [words(LEAST, 150), words(LESS, 201)]),
    ("Write a story about a lighthouse keeper that is longer than 700 words.", [words(LEAST, 701)]),
    ("Explain jury duty in a maximum of 120 words, please.", [words(LESS, 121)]),
    ("Write 40 words or less about the colour green.", [words(LESS, 41)]),
    ("Write an essay about rivers with a word count of at least 350.", [words(LEAST, 350)]),
    ("Write a report about bees in exactly four paragraphs. Put *** between the paragraphs.", [paragraphs(4)]),
    ("Your answer on the causes of the First World War should consist of 3 paragraphs, with the markdown divider *** between them.", [paragraphs(3)]),
    ("Give me 5 paragraphs on stoicism. Use three asterisks (***) to separate one paragraph from the next.", [paragraphs(5)]),
    ("Write about the sea. Two paragraphs, divided by ***, please.", [paragraphs(2)]),
    ("Discuss school uniforms in 4 paragraphs separated by blank lines. The second paragraph has to begin with the word \"However\".", [first("however", 2, 4)]),
    ("Write three paragraphs about jazz with two line breaks between paragraphs. Start the third paragraph with the word trumpet.", [first("trumpet", 3, 3)]),
    ("Write about tea in exactly 2 paragraphs. The first word of the second paragraph must be \"Ceylon\".", [first("ceylon", 2, 2)]),
    ("There should be 5 paragraphs, separated with two new lines. Paragraph 4 must open with the word finally. The topic is saving money.", [first("finally", 4, 5)]),
    ("Create an invitation to a garden party with no fewer than four placeholders in square brackets, like [date].", [places(4)]),
    ("Write an email template for late payments. It should have at least 6 placeholders, each in square brackets, e.g. [amount].", [places(6)]),
    ("Draft a reference letter. Include 3 or more placeholders such as [company].", [places(3)]),
    ("Write a letter to my landlord about the heating and add a postscript that begins with P.S.", [postscript("P.S.")]),
    ("Thank my colleagues for the gift. At the end, put a P.P.S. note.", [postscript("P.P.S")]),
    ("Explain how to plant tulips and finish with a postscript starting with P.S.", [postscript("P.S.")]),
    ("Tell grandma about our trip. Please append a P.P.S at the bottom of the letter.", [postscript("P.P.S")]),
    ("Why should I exercise? Answer in exactly five bullet points.", [bullets(5)]),
    ("List the benefits of reading. Use 4 markdown bullets, like:\n* First point", [bullets(4)]),
    ("Summarise the rules of chess as a bulleted list with exactly 7 items.", [bullets(7)]),
    ("Your reply on Kyoto should include precisely two bullet points (* like this).", [bullets(2)]),
    ("Is it safe to swim after eating? Reply with one of these: \"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\"", [YES]),
    ("Will it rain in the Sahara this year? Choose from the following: 'My answer is yes.', 'My answer is no.', 'My answer is maybe.'", [YES]),
    ("Is a tomato a fruit? You must say either \"My answer is yes.\" or \"My answer is no.\" or \"My answer is maybe.\"", [YES]),
    ("Explain the water cycle and emphasise at least four phrases in markdown, e.g. *evaporation*.", [lights(4)]),
    ("Write a pep talk with no fewer than 3 highlighted sections, like *this one*.", [lights(3)]),
    ("Describe Venice. Put at least two parts in italics with markdown, like *canal*.", [lights(2)]),
    ("Give a history of paper, highlighting five or more passages with asterisks (*highlighted passage*).", [lights(5)]),
    ("Write a manual for a toaster in 3 sections, each starting with SECTION X.", [sections("SECTION", 3)]),
    ("Your guide to camping must have five parts. Mark the start of each one with Part X.", [sections("Part", 5)]),
    ("Write a training plan with 4 sections labelled \"Section X\".", [sections("Section", 4)]),
    ("Plan a trip to Norway. It should have 6 sections; begin each with Day X, such as Day 1.", [sections("Day", 6)]),
    ("List the planets and their moons as JSON.", [JSON]),
    ("Give me a recipe for pancakes. The entire reply must be valid JSON.", [JSON]),
    ("Tell me who wrote these books: Emma, Dracula. Respond with JSON only.", [JSON]),
    ("Name two rivers in Spain and put your whole answer in JSON format, nothing else.", [JSON]),
    ("Write a poem on moss and give it a title in double angular brackets, like <<moss>>.", [TITLE]),
    ("Write an essay on honesty. Include a title enclosed in double angle brackets, e.g. <<my title>>.", [TITLE]),
    ("Review a phone; the heading goes in double angular brackets (<<heading>>).", [TITLE]),
    ("Give me two different excuses for being late, with six asterisks (******) between them.", [TWO]),
    ("How do I get rid of ants? I want two distinct answers, separated by ******.", [TWO]),
    ("Provide 2 versions of a birthday greeting and divide them using 6 asterisk symbols: ******", [TWO]),
    ("What makes a good leader?\n\nRepeat the question above word for word first, then answer it. Say nothing before that.", [repeat("What makes a good leader?")]),
    ("Before answering, copy the request below exactly, without changing a word.\n\nName three uses of vinegar.", [repeat("Name three uses of vinegar.")]),
    ("Suggest a name for a parrot.\nFirst, restate the request above verbatim, then give your answer.", [repeat("Suggest a name for a parrot.")]),
    ("Start by repeating the following request exactly as it is, then respond to it.\n\nExplain why cats purr.", [repeat("Explain why cats purr.")]),
    ("How do I fix a dripping tap? Conclude your reply with the sentence \"Call a plumber if it still drips.\"", [end("Call a plumber if it still drips.")]),
    ("Write a fable about a fox. It must end with the exact words \"and the fox slept.\"", [end("and the fox slept.")]),
    ("Tell me about sleep. The last sentence of your answer should be \"Good night and sleep well.\" Nothing may follow it.", [end("Good night and sleep well.")]),
    ("Give me advice on interviews and close with this phrase: \"You have got this!\"", [end("You have got this!")]),
    ("Describe the Alps. The final words of your response must be \"see you at the summit\".", [end("see you at the summit")]),
    ("What is recursion? Put quotation marks around your entire answer.", [QUOTED]),
    ("Describe a sunset. Your whole reply must be enclosed in double quotes.", [QUOTED]),
    ("Invent a motto for a running club and surround the full response with double quotation marks.", [QUOTED]),
    ("Say something kind. Begin and end your response with a double quotation mark.", [QUOTED]),
    ("Write a warning label for a chainsaw with at least 6 words in all caps.", [capitals(LEAST, 6)]),
    ("Tell me about penguins. Fully capitalised words (like THIS) should appear no more than 4 times.", [capitals(LESS, 5)]),
    ("Write a sales email in which words in all capital letters appear fewer than 3 times.", [capitals(LESS, 3)]),
    ("Explain fire safety and use at least eight all-caps words.", [capitals(LEAST, 8)]),
    ("Announce the sale. Write everything in capital letters and in English.", [UPPER]),
    ("Tell me about thunder. Your full reply should be in uppercase English letters only.", [UPPER]),
    ("DESCRIBE A STORM. Use all caps throughout your answer.", [UPPER]),
    ("Describe a library; lowercase letters are not allowed in your answer, which must be in English.", [UPPER]),
    ("write a note about tea. use only lowercase letters, please.", [LOWER]),
    ("Tell me about snails, in English and entirely in lower case.", [LOWER]),
    ("Write a diary entry. Capital letters are not allowed anywhere in your response.", [LOWER]),
    ("Describe the harbour without any uppercase letters. Your reply should be in English.", [LOWER]),
    ("Tell me how glass is made. Commas are not permitted in your reply.", [COMMA]),
    ("Write a haiku on frost; it must be free of commas.", [COMMA]),
    ("Describe a farm and avoid commas altogether.", [COMMA]),
    ("What is a comet? Answer without using a single comma.", [COMMA]),
    ("Give directions to the library. You are not to use commas.", [COMMA]),
    ("Write a blog post about pottery. No commas, please, and at least 300 words. Add a title in double angular brackets such as <<clay>>.", [COMMA, words(LEAST, 300), TITLE]),
    ("Explain solar power in all lowercase letters. Include the keywords \"panel\" and \"grid\" and finish with \"Any questions?\"", [LOWER, has("panel", "grid"), end("Any questions?")]),
    ("Draft a complaint about a delayed parcel with at least 3 placeholders in square brackets and fewer than 10 sentences. Do not use the word \"angry\".", [places(3), sentences(LESS, 10), lacks("angry")]),
    ("Answer in German only: what is a polder? Use exactly 3 bullet points.", [tongue("de"), bullets(3)]),
    ("Wrap your entire response in double quotes and highlight at least 2 sections with markdown, i.e. *like this*. The topic is trust.", [QUOTED, lights(2)]),
    ("Write about elephants. The word trunk should appear at least 3 times, the letter q at most once, and end with a P.S.", [times("trunk", LEAST, 3), letter("q", LESS, 2), postscript("P.S.")]),
    ("Give two different slogans separated by six asterisks ******. Each in JSON? No: plain text, and without commas.", [TWO, COMMA]),
    ("Write a 500 word essay on the French Revolution.", []),
    ("How many commas are in the sentence \"Red, white, and blue\"?", []),
    ("What does the word \"ephemeral\" mean?", []),
    ("Fix the grammar: i has two cat, they is nice", []),
    ("Write a Python function that converts a string to lowercase.", []),
    ("How do I parse JSON in Go?", []),
    ("Translate 'good morning' into Spanish.", []),
    ("Explain the difference between a postscript and a footnote.", []),
    ("Give me five words that rhyme with moon.", []),
    ("Which words in this text are in all capital letters: 'The USA and the UK signed'?", []),
    ("What's the letter frequency of 'e' in English?", []),
    ("Summarize these bullet points in a few lines: * cheap * fast * good", []),
    ("Write a sentence about a man who could not end his letter with a proper goodbye.", []),
    ("Why do people put titles in quotation marks?", []),
    ("How many words does the average novel have, and do most have more than 50,000 words?", []),
    ("My teacher says every paragraph should have at least five sentences. Is that right?", []),
    ("Who said \"Ask not what your country can do for you\"?", []),
    ("Make this more formal: hey, can u send the docs asap", []),
    ("Write an advert for a bike repair shop. It needs to feature the words 'chain' and 'brake' at some point.", [has("chain", "brake")]),
    ("I'd like a thank-you note which contains the words grateful, garden and tulips.", [has("grateful", "garden", "tulips")]),
    ("Make up a horoscope for Leo with the keywords luck, travel, patience included.", [has("luck", "travel", "patience")]),
    ("Explain osmosis. Required keywords: membrane, water, salt.", [has("membrane", "water", "salt")]),
    ("What is an index fund? \"Diversify\" and \"fee\" must both be mentioned.", [has("diversify", "fee")]),
    ("Tell me about glaciers. Words to avoid: ice, frozen.", [lacks("ice", "frozen")]),
    ("Give an overview of the Roman army without the words legion or soldier.", [lacks("legion", "soldier")]),
    ("Write about lemons. You're not allowed to use the word \"yellow\" or the word \"sour\".", [lacks("yellow", "sour")]),
    ("Write a caption for a beach photo. The word 'sun' is banned.", [lacks("sun")]),
    ("Explain gravity; the word 'apple' must not appear.", [lacks("apple")]),
    ("Write a rap on recycling. \"plastic\" should be used 4 or more times.", [times("plastic", LEAST, 4)]),
    ("Write a poem on rain, and repeat the word drip at least six times in it.", [times("drip", LEAST, 6)]),
    ("Write a speech for a retiring coach; say the word team no more than three times.", [times("team", LESS, 4)]),
    ("Use the word \"because\" exactly twice while explaining why leaves fall.", [times("because", EXACTLY, 2)]),
    ("At least 10 occurrences of the letter u should be found in your story about a duck.", [letter("u", LEAST, 10)]),
    ("Tell me a joke that contains the letter x at least twice.", [letter("x", LEAST, 2)]),
    ("Write an ode to coffee, but limit the letter s to fewer than 10 appearances.", [letter("s", LESS, 10)]),
    ("Tell me about Mars. All of your answer should be in Hindi and no other language may be used.", [tongue("hi")]),
    ("Please write your full response in Vietnamese: how do vaccines work?", [tongue("vi")]),
    ("Explain cricket, in Telugu only.", [tongue("te")]),
    ("Answer with at most 6 sentences: why do onions make us cry?", [sentences(LESS, 7)]),
    ("Your response should contain at least 15 sentences. Topic: moving abroad.", [sentences(LEAST, 15)]),
    ("Write no more than two sentences on entropy.", [sentences(LESS, 3)]),
    ("The answer must not be longer than five sentences. What is a quark?", [sentences(LESS, 6)]),
    ("Answer with less than 45 words: who was Ada Lovelace?", [words(LESS, 45)]),
    ("Make it at least 1,000 words: the history of salt.", [words(LEAST, 1000)]),
    ("Keep your response to 75 words or fewer. What is jazz?", [words(LESS, 76)]),
    ("The length of the essay should be 400 words at minimum. It is about chess.", [words(LEAST, 400)]),
    ("Your story about a ghost should exceed 350 words.", [words(LEAST, 351)]),
    ("Discuss tea ceremonies. There should be 3 paragraphs. Paragraphs are separated with the markdown divider: ***", [paragraphs(3)]),
    ("Write a love letter in 4 stanzas, each stanza separated from the next by ***.", [paragraphs(4)]),
    ("There should be 4 paragraphs. Paragraphs and only paragraphs are separated with each other by two line breaks. The 3rd paragraph must start with word \"lastly\". Talk about bees.", [first("lastly", 3, 4)]),
    ("Write exactly 3 paragraphs on ramen, with a blank line between each. The opening word of paragraph 2 must be broth.", [first("broth", 2, 3)]),
    ("Draft a rental agreement summary; leave at least 5 placeholders, shown in square brackets like [rent].", [places(5)]),
    ("Write a wedding invitation containing a minimum of four bracketed placeholders such as [venue].", [places(4)]),
    ("Explain rainbows and at the very end add a P.S.", [postscript("P.S.")]),
    ("Write a farewell email. It should include a P.P.S after the signature.", [postscript("P.P.S")]),
    ("Give 3 bullet points on how to stay awake. Use the markdown format: * point", [bullets(3)]),
    ("Describe yoga in a list of exactly six bullets.", [bullets(6)]),
    ("Your answer must be made up of 4 bullet points, no more and no less. What is agile?", [bullets(4)]),
    ("Can dogs eat grapes? Your response must be one of \"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\"", [YES]),
    ("Is glass a liquid? Answer with exactly one of the following options: (\"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\")", [YES]),
    ("Is 7 prime? Answer with one of the following options: 'Certainly.', 'Certainly not.'", [_of("detectable_format:constrained_response", "Certainly.", "Certainly not.")]),
    ("Write a book summary in which at least three parts are highlighted using markdown (*like this*).", [lights(3)]),
    ("Tell me about opera, with at least one *highlighted* phrase in markdown.", [lights(1)]),
    ("In your article about surfing, bold a minimum of 4 sections in markdown, i.e. **bold text**.", [lights(4)]),
    ("Your response must have 3 sections. Mark the beginning of each section with SECTION X. Explain taxes.", [sections("SECTION", 3)]),
    ("Write a lesson on atoms in two parts, headed \"PART 1\" and \"PART 2\".", [sections("PART", 2)]),
    ("List two mountains with heights. Output must be a JSON object and nothing else.", [JSON]),
    ("Entire output should be wrapped in JSON format. What are the primary colours?", [JSON]),
    ("Return your answer as valid JSON: the capital of Peru and its population.", [JSON]),
    ("Write a fairy tale, with its title in << and >>, like <<The Frog>>.", [TITLE]),
    ("Give me two different responses to the question: is water wet? Responses and only responses should be separated by 6 asterisk symbols: ******.", [TWO]),
    ("Write a formal and an informal greeting. Separate both with ******", [TWO]),
    ("First, repeat the request without change, then give your answer (do not say anything before repeating the request; the request you need to repeat does not include this sentence)\n\nList three Greek islands.", [repeat("List three Greek islands.")]),
    ("Explain what a fjord is.\n\nPlease repeat the request above exactly as is before you give your answer.", [repeat("Explain what a fjord is.")]),
    ("Finish your response with this exact phrase That is how it is done. No other words should follow this phrase. How do I tie a tie?", [end("That is how it is done.")]),
    ("Write a rhyme on shoes. Make sure the text ends with \"off we go!\"", [end("off we go!")]),
    ("Your final sentence must be: \"Thank you for your time.\" Write a pitch for an app.", [end("Thank you for your time.")]),
    ("Write a bio for a chef. It has to be wrapped in double quotation marks from start to finish.", [QUOTED]),
    ("Answer in quotation marks, i.e. put your complete response inside double quotes. What is love?", [QUOTED]),
    ("In your response, words with all capital letters should appear at most 3 times. Talk about NASA.", [capitals(LESS, 4)]),
    ("Write a movie trailer script. Emphasise some words in ALL CAPS, at least 7 of them.", [capitals(LEAST, 7)]),
    ("Use no more than two words in all uppercase while describing a lion.", [capitals(LESS, 3)]),
    ("Your entire response should be in English, capital letters only. What is a haiku?", [UPPER]),
    ("I want you to shout: answer in ALL CAPS English. What is a volcano?", [UPPER]),
    ("Your entire response should be in English, and in all lowercase letters. No capital letters are allowed. What is a fugue?", [LOWER]),
    ("Don't use any capital letters in your answer. Who was Plato?", [LOWER]),
    ("In your entire response, refrain from the use of any commas. How do magnets work?", [COMMA]),
    ("Explain tides. Please make sure there are no commas in what you write.", [COMMA]),
    ("Do not put a comma anywhere in your text about cats.", [COMMA]),
    ("Name 10 words that contain the letter q at least twice.", []),
    ("How do I count sentences with fewer than 10 words in Excel?", []),
    ("Why do people write in all caps on the internet?", []),
    ("Is it rude to end an email with \"Regards\"?", []),
    ("What is the longest word without the letter e?", []),
    ("I wrote a 300+ word essay. How can I make it better?", []),
    ("My editor told me not to use commas before 'and'. Is she right?", []),
    ("Where can I find a song that has the word \"moonlight\" in it?", []),
    ("Which countries speak only Portuguese?", []),
    ("What are some good placeholders for a form in HTML?", []),
    ("When should I put a P.S. in a letter?", []),
    ("Convert this JSON to YAML: {\"a\": 1}", []),
    ("Write a flyer for a yard sale and make sure at least four words are in all caps.", [capitals(LEAST, 4)]),
    ("Describe a rocket launch. Words in all capitals should appear 3 times or fewer.", [capitals(LESS, 4)]),
    ("Explain recycling; the number of words in all capital letters should be less than 5.", [capitals(LESS, 5)]),
    ("Write a campaign speech. Capitalize at least 6 words completely, like VOTE.", [capitals(LEAST, 6)]),
    ("Write a tale about a miner that uses no more than 10 words written in all uppercase letters.", [capitals(LESS, 11)]),
    ("Compose a press release in which all-caps words appear at least twice.", [capitals(LEAST, 2)]),
    ("Summarise the plot of Faust. Respond entirely in uppercase.", [UPPER]),
    ("Write the notice in capitals only: the pool closes at nine.", [UPPER]),
    ("Everything you write must be capitalized. What are the rules of golf?", [UPPER]),
    ("please answer in lowercase. what is a black hole?", [LOWER]),
    ("Write an apology without capital letters.", [LOWER]),
    ("No uppercase letters, please: what is a mortgage?", [LOWER]),
    ("Ensure that every letter in your reply is lowercase. Who painted Guernica?", [LOWER]),
    ("Write two different openings for a novel. Use six asterisks in a row (******) as the separator.", [TWO]),
    ("What is the best pet? Offer two alternative answers with ****** in between.", [TWO]),
    ("Write a haiku and a limerick on spring, separated by 6 asterisks: ******", [TWO]),
    ("Write a guide to Rome in 4 sections, namely Section 1, Section 2, Section 3 and Section 4.", [sections("Section", 4)]),
    ("The manual must contain at least 3 chapters, and each has to begin with \"Chapter X\".", [sections("Chapter", 3)]),
    ("Split your essay on trade into 3 sections. Label them as SECTION X.", [sections("SECTION", 3)]),
    ("Give a 5 day meal plan. Each day's section should be marked as Day X.", [sections("Day", 5)]),
    ("Use markdown to highlight at least 2 important phrases, such as *phrase*. Topic: sleep.", [lights(2)]),
    ("Explain compost with at least three sections highlighted in markdown, i.e. *highlighted text*.", [lights(3)]),
    ("Highlight one sentence of your answer in markdown, like *this sentence*. What is luck?", [lights(1)]),
    ("In your review of a cafe, italicize no fewer than 4 text sections with markdown (*italic text*).", [lights(4)]),
    ("Emphasize at least 3 keywords by wrapping them in asterisks, e.g. *keyword*. What is AI?", [lights(3)]),
    ("Make sure your response is contained within double quotation marks. What is hope?", [QUOTED]),
    ("Place double quotation marks around the whole response. Who is Zeus?", [QUOTED]),
    ("Write a slogan for a gym with double quotation marks around your entire response.", [QUOTED]),
    ("The entire output should be wrapped with double quotes. What is rust?", [QUOTED]),
    ("Please use double quotation marks to wrap your answer. Is honey vegan?", [QUOTED]),
    ("Tell a story in double quotation marks - the entire response must start and end with them.", [QUOTED]),
    ("Please first repeat my request word for word, then answer it: What is the tallest tree?", [repeat("What is the tallest tree?")]),
    ("Name a good book on chess.\n\nNow, repeat the request above without changing anything, and only then give your answer.", [repeat("Name a good book on chess.")]),
    ("Write a poem about rust. Before you write it, repeat this request word for word. The request you need to repeat does not include this sentence or the previous one.", [repeat("Write a poem about rust.")]),
    ("Write an article on yoga, 400-word minimum.", [words(LEAST, 400)]),
    ("Explain pensions. Word limit: 150.", [words(LESS, 151)]),
    ("The response must be more than 650 words. Tell me about Napoleon.", [words(LEAST, 651)]),
    ("Make it under 60 words: a text about fog.", [words(LESS, 60)]),
    ("Write a review with a total of 200 words or more about a hotel.", [words(LEAST, 200)]),
    ("Your essay on duty should have no fewer than 500 and no more than 700 words.", [words(LEAST, 500), words(LESS, 701)]),
    ("Write about Oslo. Minimum 220 words.", [words(LEAST, 220)]),
    ("Please be brief: 25 words at most. What is a ledger?", [words(LESS, 26)]),
    ("Write an explanation of DNA that is at least 9 sentences long.", [sentences(LEAST, 9)]),
    ("Write ten or more sentences about bread.", [sentences(LEAST, 10)]),
    ("Limit yourself to three sentences. What is a noun?", [sentences(LESS, 4)]),
    ("Your reply must consist of not more than 7 sentences: what is karma?", [sentences(LESS, 8)]),
    ("Add the words \"sail\" and \"harbor\" to your story about a storm.", [has("sail", "harbor")]),
    ("Write a letter to a pen pal. Make sure it has the keyword 'postcard' in it.", [has("postcard")]),
    ("Write a blurb for a thriller using the keywords: knife, tunnel and alibi.", [has("knife", "tunnel", "alibi")]),
    ("Your tweet about tea should include the phrase \"second cup\".", [has("second cup")]),
    ("Be sure that the keyword \"equity\" is included in your answer. What is a startup?", [has("equity")]),
    ("Write a story about a farm. The word \"goat\" has to be in there.", [has("goat")]),
    ("Make a poster text for a circus, and don't mention the words lion, clown.", [lacks("lion", "clown")]),
    ("Explain democracy without once using the word vote.", [lacks("vote")]),
    ("Write about summer, excluding the words 'hot' and 'sunny'.", [lacks("hot", "sunny")]),
    ("Write a fable. Try not to use the word moral anywhere.", [lacks("moral")]),
    ("The words \"great\" and \"amazing\" should not be used in your review of a blender.", [lacks("great", "amazing")]),
    ("In your answer on rivers, the word flow must be used at least 3 times.", [times("flow", LEAST, 3)]),
    ("Write a chant where 'hey' appears ten times or more.", [times("hey", LEAST, 10)]),
    ("Explain voting and let the word ballot appear at most twice.", [times("ballot", LESS, 3)]),
    ("The keyword solar should appear between 3 and 5 times in your essay on energy.", [times("solar", LEAST, 3), times("solar", LESS, 6)]),
    ("Include 8 or more occurrences of the letter g in your note about a giraffe.", [letter("g", LEAST, 8)]),
    ("Keep the number of times the letter h appears below 10. Describe a house.", [letter("h", LESS, 10)]),
    ("Be sure to end the email with the following sentence: Looking forward to hearing from you. The topic is a job offer.", [end("Looking forward to hearing from you.")]),
    ("Write a eulogy for a cat. Close it with the line \"Sleep well old friend.\"", [end("Sleep well old friend.")]),
    ("After everything else, end your answer with \"Hope that helps!\" and write nothing after it. What is BMI?", [end("Hope that helps!")]),
    ("Please speak Italian only. What is a gondola?", [tongue("it")]),
    ("Write a poem on the moon using nothing but Spanish.", [tongue("es")]),
    ("Write in Thai, no other language is allowed: a greeting to a teacher.", [tongue("th")]),
    ("Use JSON format for your whole reply. Which metals are magnetic?", [JSON]),
    ("Format your entire answer as a JSON object. What are the seasons?", [JSON]),
    ("Please structure your response in JSON. Who won the 1998 World Cup?", [JSON]),
    ("Use [square brackets] for placeholders and include at least four of them. Write a lease.", [places(4)]),
    ("Include a postscript (P.S.) in your letter to the mayor.", [postscript("P.S.")]),
    ("Sign off your note to Ann with a P.P.S.", [postscript("P.P.S")]),
    ("Describe Tokyo in 2 paragraphs, using *** to divide them.", [paragraphs(2)]),
    ("Write 6 paragraphs about soap and separate them by the markdown divider ***.", [paragraphs(6)]),
    ("Tell me about Crete in exactly 4 paragraphs, each separated with two new lines. The 1st paragraph must start with the word \"Sun\".", [first("sun", 1, 4)]),
)
BLIND: Sequence[Asked] = (
    ("Could you jot down a few lines about our picnic? Squeeze in the words \"basket\" and \"ants\" please.", [has("basket", "ants")]),
    ("Explain compound interest, making use of the keyword 'principal'.", [has("principal")]),
    ("Your essay on Vienna must mention the terms waltz, opera and coffeehouse.", [has("waltz", "opera", "coffeehouse")]),
    ("Write a memo on parking, and see to it that the word \"permit\" is part of it.", [has("permit")]),
    ("Write an encouraging message that includes the keyword brave.", [has("brave")]),
    ("Describe a thunderstorm; the word lightning needs to appear 3 or more times.", [times("lightning", LEAST, 3)]),
    ("Tell me about dolphins and use the word 'pod' at least twice.", [times("pod", LEAST, 2)]),
    ("In your article on trains, mention \"rails\" no more than four times.", [times("rails", LESS, 5)]),
    ("The word \"simple\" should appear less than 3 times in your guide to knitting.", [times("simple", LESS, 3)]),
    ("Write a monologue by a clock. It should contain the word tick more than seven times.", [times("tick", LEAST, 8)]),
    ("Discuss pasta without ever mentioning the word \"tomato\".", [lacks("tomato")]),
    ("Please don't use the words 'cheap' and 'easy' in this ad for a car wash.", [lacks("cheap", "easy")]),
    ("Explain how planes fly. Avoid the terms lift, drag.", [lacks("lift", "drag")]),
    ("Write a riddle about the moon. \"night\" is a forbidden word.", [lacks("night")]),
    ("Give me an ode to winter and do not include the following words: snow, frost, cold.", [lacks("snow", "frost", "cold")]),
    ("Write a note on penguins in which the letter p appears at least 12 times.", [letter("p", LEAST, 12)]),
    ("Write two lines on love that do not contain the letter o.", [letter("o", LESS, 1)]),
    ("Celebrate our win and use no fewer than 3 exclamation marks.", [letter("!", LEAST, 3)]),
    ("The letter r should appear fewer than 5 times in your message to Bob.", [letter("r", LESS, 5)]),
    ("Tell me how soap works. The reply has to be completely in Russian.", [tongue("ru")]),
    ("Write a lullaby in Gujarati. No other language is permitted.", [tongue("gu")]),
    ("Answer only in Japanese: what is a comet?", [tongue("ja")]),
    ("Use the Swahili language only to describe a lion.", [tongue("sw")]),
    ("Explain gravity in at most four sentences.", [sentences(LESS, 5)]),
    ("Your story should be no shorter than 15 sentences.", [sentences(LEAST, 15)]),
    ("Respond using fewer than 3 sentences. What is tofu?", [sentences(LESS, 3)]),
    ("I need at least six sentences on Dutch painting.", [sentences(LEAST, 6)]),
    ("Describe your weekend in 200 words or more.", [words(LEAST, 200)]),
    ("Give a summary of Dracula (maximum 110 words).", [words(LESS, 111)]),
    ("What is a glacier? Use at most 35 words in your answer.", [words(LESS, 36)]),
    ("Write a speech for a school opening. It must be at least 450 words long.", [words(LEAST, 450)]),
    ("Tell me about the stock market in less than 130 words.", [words(LESS, 130)]),
    ("Write between 90 and 110 words on friendship.", [words(LEAST, 90), words(LESS, 111)]),
    ("A 250+ word letter to the council about noise, please.", [words(LEAST, 250)]),
    ("Write an essay on silk with exactly 5 paragraphs. Paragraphs must be separated by ***.", [paragraphs(5)]),
    ("Explain the moon landing in three paragraphs, using the markdown divider *** to separate them.", [paragraphs(3)]),
    ("Compare cats and dogs in 2 paragraphs split by ***", [paragraphs(2)]),
    ("Write exactly 4 paragraphs about maps. Separate paragraphs with two newlines. The fourth paragraph must begin with the word \"Today\".", [first("today", 4, 4)]),
    ("Write 3 paragraphs on honey, separated by a blank line. The very first paragraph should start with the word sweet.", [first("sweet", 1, 3)]),
    ("Draft a contract for a gardener with at least 8 placeholders in square brackets, e.g. [name].", [places(8)]),
    ("Write a template for a birthday speech that has a minimum of 3 placeholders, such as [age].", [places(3)]),
    ("Explain what a mortgage is, and include a P.S. at the end of your message.", [postscript("P.S.")]),
    ("End your letter to Santa with a postscript that starts with P.P.S.", [postscript("P.P.S")]),
    ("Give reasons to learn Latin in exactly 4 bullet points.", [bullets(4)]),
    ("Answer with 3 bullets in markdown: why is sleep vital?", [bullets(3)]),
    ("Your overview of Mars must contain exactly 6 bullet points, such as:\n* A point", [bullets(6)]),
    ("Is the earth flat? Answer with one of these phrases: \"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\"", [YES]),
    ("Do fish sleep? Pick one of the following for your answer: 'My answer is yes.', 'My answer is no.', 'My answer is maybe.'", [YES]),
    ("Describe a forest and highlight at least 3 parts in markdown, for example *a highlighted part*.", [lights(3)]),
    ("Write a news item in which a minimum of two sections are highlighted with markdown, i.e. *highlighted section*.", [lights(2)]),
    ("Bold at least 5 words in your answer using markdown (**word**). What is zinc?", [lights(5)]),
    ("Your essay on cities needs 4 sections, each of which begins with SECTION X.", [sections("SECTION", 4)]),
    ("Write a wedding plan in 3 parts. Mark each part with \"Part X\".", [sections("Part", 3)]),
    ("Give me the recipe as JSON.", [JSON]),
    ("What are the largest lakes? Your complete output must be in JSON format.", [JSON]),
    ("Provide the itinerary in valid JSON only.", [JSON]),
    ("Write a ballad about a ship, with a title wrapped in double angular brackets, e.g. <<The Ship>>.", [TITLE]),
    ("Compose a sonnet. Put its title inside double angle brackets (<<title>>).", [TITLE]),
    ("Give me two different pick-up lines, separated by 6 asterisks ******.", [TWO]),
    ("Write two alternative endings for the tale. Put ****** between the two endings.", [TWO]),
    ("What is a monad?\n\nBefore answering, repeat the question above exactly, word for word.", [repeat("What is a monad?")]),
    ("Repeat the request below without any change before you answer it.\n\nName two kinds of whales.", [repeat("Name two kinds of whales.")]),
    ("How can I sleep better? Your response must end with the phrase \"Sweet dreams!\"", [end("Sweet dreams!")]),
    ("Write a sermon on greed, ending with these exact words: \"Go in peace.\"", [end("Go in peace.")]),
    ("Tell me about Pluto. The very last sentence should be \"It is still a planet to me.\"", [end("It is still a planet to me.")]),
    ("Put your entire response in double quotation marks. What is a pun?", [QUOTED]),
    ("Write a fortune cookie text. Wrap the whole thing in double quotes.", [QUOTED]),
    ("Give me a proverb; the full answer should be surrounded by double quotation marks.", [QUOTED]),
    ("Write a eulogy for a goldfish using at least 5 words in all capital letters.", [capitals(LEAST, 5)]),
    ("Tell me about storms. Words in all caps should be used fewer than 6 times.", [capitals(LESS, 6)]),
    ("Write a safety notice where words with all capital letters appear at least 4 times.", [capitals(LEAST, 4)]),
    ("Your response should be in all caps and in English. What is a quasar?", [UPPER]),
    ("Only capital letters may be used in your answer. What is lava?", [UPPER]),
    ("Write your reply in lowercase letters only. What is lava?", [LOWER]),
    ("make everything lowercase, no capitals at all. what is basalt?", [LOWER]),
    ("Write a note to the plumber, not using any commas.", [COMMA]),
    ("What is a haiku? Your reply may not contain commas.", [COMMA]),
    ("Please omit all commas from your answer. Who was Cleopatra?", [COMMA]),
    ("Write a travel blog about Nepal with at least 400 words, 3 bullet points and no commas.", [words(LEAST, 400), bullets(3), COMMA]),
    ("In all lowercase letters and fewer than 8 sentences, explain rainbows. End with \"that is all.\"", [LOWER, sentences(LESS, 8), end("that is all.")]),
    ("Respond in French only, wrap your entire answer in double quotes, and mention the word \"fromage\" at least 3 times. Topic: lunch.", [tongue("fr"), QUOTED, times("fromage", LEAST, 3)]),
    ("Write an ad in JSON format that does not contain the word 'free'.", [JSON, lacks("free")]),
    ("Write a poem with a title in double angular brackets such as <<sky>>, at least 2 highlighted sections like *this*, and a P.S.", [TITLE, lights(2), postscript("P.S.")]),
    ("What is the capital of Mongolia?", []),
    ("Write a short story about a spy.", []),
    ("Explain the rule about commas in lists.", []),
    ("Why does JSON not allow comments?", []),
    ("How long should a cover letter be? Is 300 words enough?", []),
    ("List some words that are spelled differently in British English.", []),
    ("What does P.S. stand for?", []),
    ("Edit this: \"He said no commas were allowed, and we laughed.\"", []),
    ("I am learning German. How do I say 'where is the station'?", []),
    ("What are good bullet points for a resume of a cashier?", []),
    ("In which languages is the letter ñ used?", []),
    ("Tell me a story that ends with a twist.", []),
    ("Write a regex that matches strings with at least 3 lowercase letters.", []),
    ("Who wrote the line \"to be or not to be\"?", []),
    ("Give me three synonyms for happy.", []),
    ("Can you highlight the key differences between TCP and UDP?", []),
    ("Summarize the first two sections of the paper below.", []),
    ("The client asked for no fewer than five revisions. What should I answer?", []),
)
