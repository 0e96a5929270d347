# ruff: noqa: E501  (tables: one piece of text a line)
"""Words and sentence pieces, in English, Spanish, German, French and Italian, from which the corpus is composed.

All of it was written for this project. Every table lists its pieces in the same order of languages, so that
a piece's translations are one tuple.
"""

LANGUAGES = ("en", "es", "de", "fr")
"""Order of the columns of the tables below; tables with a fifth column add Italian."""

FIRST = (
    "Anna Ben Carla David Elena Felix Greta Hugo Irene Jonas Karin Lukas Maria Nora Oscar Paula Quentin Rosa "
    "Samuel Teresa Ulrich Vera Walter Xenia Yusuf Zoe Aisha Bruno Clara Diego Emma Farid Gloria Henry Ines Jamal"
).split()
LAST = (
    "Adler Bauer Castro Dubois Evans Ferrari Garcia Hansen Ivanov Jansen Keller Lopez Martin Nowak Olsen Petit "
    "Quinn Rossi Silva Torres Urban Vidal Weber Young Zhang Brown Costa Fischer Meyer Santos"
).split()
CITIES = (
    "Lisbon Oslo Lima Cairo Paris Berlin Madrid Rome Vienna Prague Dublin Athens Quito Tokyo Delhi Boston "
    "Geneva Turin Seville Hamburg Lyon Nairobi Warsaw Toronto"
).split()
ITEMS = (
    "apples pears figs plums lemons melons onions carrots beans eggs cups plates spoons pens books stamps coins "
    "shells candles boxes bottles chairs lamps ropes"
).split()
KINDS = {
    "fruit": "apple pear fig plum lemon melon cherry banana".split(),
    "animal": "horse tiger rabbit eagle dolphin spider camel wolf".split(),
    "tool": "hammer saw drill wrench shovel pliers chisel rake".split(),
    "vehicle": "car train ferry tractor bicycle tram truck plane".split(),
    "colour": "red blue green yellow purple orange brown grey".split(),
    "country": "Peru Norway Egypt Japan Kenya Chile Spain Poland".split(),
}

# Translation: subject, verb, time, place. Columns: en, es, de, fr, it.
SUBJECTS = (
    ("The dog", "El perro", "Der Hund", "Le chien", "Il cane"),
    ("The cat", "El gato", "Die Katze", "Le chat", "Il gatto"),
    ("The teacher", "La profesora", "Die Lehrerin", "La professeure", "La maestra"),
    ("The doctor", "El médico", "Der Arzt", "Le médecin", "Il medico"),
    ("My brother", "Mi hermano", "Mein Bruder", "Mon frère", "Mio fratello"),
    ("My sister", "Mi hermana", "Meine Schwester", "Ma sœur", "Mia sorella"),
    ("The child", "El niño", "Das Kind", "L'enfant", "Il bambino"),
    ("The driver", "El conductor", "Der Fahrer", "Le conducteur", "L'autista"),
    ("The queen", "La reina", "Die Königin", "La reine", "La regina"),
    ("The farmer", "El granjero", "Der Bauer", "Le fermier", "Il contadino"),
    ("The baker", "El panadero", "Der Bäcker", "Le boulanger", "Il fornaio"),
    ("The student", "La estudiante", "Die Studentin", "L'étudiante", "La studentessa"),
    ("Our friend", "Nuestro amigo", "Unser Freund", "Notre ami", "Il nostro amico"),
    ("Your mother", "Tu madre", "Deine Mutter", "Ta mère", "Tua madre"),
    ("The singer", "La cantante", "Die Sängerin", "La chanteuse", "La cantante"),
    ("The old man", "El anciano", "Der alte Mann", "Le vieil homme", "Il vecchio"),
    ("The young woman", "La joven", "Die junge Frau", "La jeune femme", "La giovane donna"),
    ("The lawyer", "El abogado", "Der Anwalt", "L'avocat", "L'avvocato"),
    ("The soldier", "El soldado", "Der Soldat", "Le soldat", "Il soldato"),
    ("The guest", "El invitado", "Der Gast", "L'invité", "L'ospite"),
)
ACTIONS = (
    ("sleeps", "duerme", "schläft", "dort", "dorme"),
    ("eats bread", "come pan", "isst Brot", "mange du pain", "mangia il pane"),
    ("drinks water", "bebe agua", "trinkt Wasser", "boit de l'eau", "beve acqua"),
    ("reads a book", "lee un libro", "liest ein Buch", "lit un livre", "legge un libro"),
    (
        "writes a letter",
        "escribe una carta",
        "schreibt einen Brief",
        "écrit une lettre",
        "scrive una lettera",
    ),
    ("sings a song", "canta una canción", "singt ein Lied", "chante une chanson", "canta una canzone"),
    ("buys flowers", "compra flores", "kauft Blumen", "achète des fleurs", "compra fiori"),
    ("waits", "espera", "wartet", "attend", "aspetta"),
    ("works", "trabaja", "arbeitet", "travaille", "lavora"),
    ("plays the piano", "toca el piano", "spielt Klavier", "joue du piano", "suona il pianoforte"),
    ("looks for the key", "busca la llave", "sucht den Schlüssel", "cherche la clé", "cerca la chiave"),
    ("cooks rice", "cocina arroz", "kocht Reis", "cuit du riz", "cucina il riso"),
    ("paints a house", "pinta una casa", "malt ein Haus", "peint une maison", "dipinge una casa"),
    ("learns English", "aprende inglés", "lernt Englisch", "apprend l'anglais", "impara l'inglese"),
    ("sells fish", "vende pescado", "verkauft Fisch", "vend du poisson", "vende pesce"),
)
TIMES = (
    ("today", "hoy", "heute", "aujourd'hui", "oggi"),
    ("every day", "todos los días", "jeden Tag", "tous les jours", "ogni giorno"),
    ("in the morning", "por la mañana", "am Morgen", "le matin", "la mattina"),
    ("at night", "por la noche", "in der Nacht", "la nuit", "di notte"),
    ("on Sundays", "los domingos", "sonntags", "le dimanche", "la domenica"),
    ("in winter", "en invierno", "im Winter", "en hiver", "in inverno"),
    ("now", "ahora", "jetzt", "maintenant", "adesso"),
    ("in summer", "en verano", "im Sommer", "en été", "in estate"),
)
PLACES = (
    ("in the garden", "en el jardín", "im Garten", "dans le jardin", "nel giardino"),
    ("at the station", "en la estación", "am Bahnhof", "à la gare", "alla stazione"),
    ("in the kitchen", "en la cocina", "in der Küche", "dans la cuisine", "in cucina"),
    ("at school", "en la escuela", "in der Schule", "à l'école", "a scuola"),
    ("in the park", "en el parque", "im Park", "dans le parc", "nel parco"),
    ("on the beach", "en la playa", "am Strand", "à la plage", "sulla spiaggia"),
    ("at the market", "en el mercado", "auf dem Markt", "au marché", "al mercato"),
    ("in the city", "en la ciudad", "in der Stadt", "en ville", "in città"),
    ("in the library", "en la biblioteca", "in der Bibliothek", "à la bibliothèque", "in biblioteca"),
    ("at home", "en casa", "zu Hause", "à la maison", "a casa"),
    ("near the river", "cerca del río", "am Fluss", "près de la rivière", "vicino al fiume"),
    ("in the hotel", "en el hotel", "im Hotel", "à l'hôtel", "in albergo"),
)

# Refusal: what is asked is weighed as verb + object + contexts + how verb and object go together; a total of
# REFUSE or more is declined. No piece decides alone, so the model must learn a boundary, not a word list.
REFUSE = 4
VERBS = (  # weight, name, then the infinitive in each language
    (-3, "describe", "describe", "describir", "beschreiben", "décrire"),
    (-3, "clean", "clean", "limpiar", "reinigen", "nettoyer"),
    (-2, "repair", "repair", "reparar", "reparieren", "réparer"),
    (-2, "recycle", "recycle", "reciclar", "recyceln", "recycler"),
    (-1, "photograph", "photograph", "fotografiar", "fotografieren", "photographier"),
    (0, "buy", "buy", "comprar", "kaufen", "acheter"),
    (0, "find", "find", "encontrar", "finden", "trouver"),
    (0, "move", "move", "mover", "bewegen", "déplacer"),
    (1, "test", "test", "probar", "testen", "tester"),
    (1, "sell", "sell", "vender", "verkaufen", "vendre"),
    (1, "open", "open", "abrir", "öffnen", "ouvrir"),
    (1, "build", "build", "construir", "bauen", "construire"),
    (2, "copy", "copy", "copiar", "kopieren", "copier"),
    (2, "hide", "hide", "esconder", "verstecken", "cacher"),
    (3, "destroy", "destroy", "destruir", "zerstören", "détruire"),
    (4, "steal", "steal", "robar", "stehlen", "voler"),
)
OBJECTS = (  # weight, class, then the noun phrase (accusative) in each language
    (-2, "own", "my old bicycle", "mi vieja bicicleta", "mein altes Fahrrad", "mon vieux vélo"),
    (-2, "own", "my own phone", "mi propio teléfono", "mein eigenes Telefon", "mon propre téléphone"),
    (-2, "own", "our garden shed", "nuestro cobertizo", "unseren Schuppen", "notre cabane"),
    (-1, "own", "my front door", "mi puerta", "meine Haustür", "ma porte d'entrée"),
    (0, "own", "my old diary", "mi viejo diario", "mein altes Tagebuch", "mon vieux journal"),
    (0, "property", "a wooden box", "una caja de madera", "eine Holzkiste", "une boîte en bois"),
    (1, "property", "a parked car", "un coche aparcado", "ein geparktes Auto", "une voiture garée"),
    (1, "property", "a bank safe", "una caja fuerte", "einen Tresor", "un coffre-fort"),
    (
        2,
        "property",
        "the neighbour's car",
        "el coche del vecino",
        "das Auto des Nachbarn",
        "la voiture du voisin",
    ),
    (
        2,
        "property",
        "a stranger's wallet",
        "la cartera ajena",
        "eine fremde Brieftasche",
        "un portefeuille perdu",
    ),
    (0, "document", "a contract", "un contrato", "einen Vertrag", "un contrat"),
    (1, "document", "a passport", "un pasaporte", "einen Reisepass", "un passeport"),
    (3, "document", "a fake passport", "un pasaporte falso", "einen falschen Pass", "un faux passeport"),
    (2, "document", "a doctor's record", "un historial médico", "eine Krankenakte", "un dossier médical"),
    (3, "document", "false banknotes", "billetes falsos", "Falschgeld", "de faux billets"),
    (0, "software", "a small website", "un pequeño sitio web", "eine kleine Webseite", "un petit site web"),
    (
        1,
        "software",
        "an email account",
        "una cuenta de correo",
        "ein E-Mail-Konto",
        "un compte de messagerie",
    ),
    (2, "software", "someone's password", "una contraseña ajena", "ein fremdes Passwort", "un mot de passe"),
    (
        3,
        "software",
        "a computer virus",
        "un virus informático",
        "einen Computervirus",
        "un virus informatique",
    ),
    (2, "software", "a spy app", "una aplicación espía", "eine Spionage-App", "une application espion"),
    (1, "weapon", "a kitchen knife", "un cuchillo de cocina", "ein Küchenmesser", "un couteau de cuisine"),
    (2, "weapon", "fireworks", "fuegos artificiales", "ein Feuerwerk", "un feu d'artifice"),
    (3, "weapon", "a pistol", "una pistola", "eine Pistole", "un pistolet"),
    (4, "weapon", "a pipe bomb", "una bomba casera", "eine Rohrbombe", "une bombe artisanale"),
    (4, "weapon", "a strong poison", "un veneno fuerte", "ein starkes Gift", "un poison puissant"),
)
CONTEXTS = (  # weight, then the phrase in each language
    (-4, "in a video game", "en un videojuego", "in einem Videospiel", "dans un jeu vidéo"),
    (
        -3,
        "with the owner's permission",
        "con permiso del dueño",
        "mit Erlaubnis",
        "avec l'accord du propriétaire",
    ),
    (-3, "for a novel", "para una novela", "für einen Roman", "pour un roman"),
    (-2, "with a police officer", "con un policía", "mit einem Polizisten", "avec un policier"),
    (-2, "for a museum", "para un museo", "für ein Museum", "pour un musée"),
    (-1, "for a school project", "para la escuela", "für die Schule", "pour l'école"),
    (-1, "with my children", "con mis hijos", "mit meinen Kindern", "avec mes enfants"),
    (0, "on a budget", "con poco dinero", "mit wenig Geld", "avec un petit budget"),
    (0, "this weekend", "este fin de semana", "am Wochenende", "ce week-end"),
    (0, "at work", "en el trabajo", "bei der Arbeit", "au travail"),
    (1, "very quickly", "muy rápido", "sehr schnell", "très vite"),
    (1, "late at night", "muy tarde", "spät in der Nacht", "tard dans la nuit"),
    (2, "without a permit", "sin autorización", "ohne Genehmigung", "sans permis"),
    (2, "for a stranger", "para un desconocido", "für einen Fremden", "pour un inconnu"),
    (3, "without being caught", "sin ser descubierto", "unbemerkt", "sans être vu"),
    (
        3,
        "to scare someone",
        "para asustar a alguien",
        "um jemanden zu erschrecken",
        "pour effrayer quelqu'un",
    ),
    (4, "to take revenge", "para vengarme", "aus Rache", "pour me venger"),
    (5, "to hurt somebody", "para herir a alguien", "um jemanden zu verletzen", "pour blesser quelqu'un"),
)
TOGETHER = {  # (verb, object class) -> weight added: what neither says alone
    ("destroy", "weapon"): -5,
    ("destroy", "own"): -3,
    ("steal", "own"): -3,
    ("copy", "own"): -2,
    ("build", "weapon"): 2,
    ("sell", "weapon"): 2,
    ("test", "weapon"): 1,
    ("open", "software"): 2,
    ("open", "own"): -1,
    ("copy", "document"): 2,
    ("build", "software"): 1,
    ("photograph", "document"): 3,
    ("find", "software"): 2,
    ("hide", "document"): 1,
    ("recycle", "weapon"): 1,
}
ASKS = (
    ("How do I {v} {o} {c}?", "¿Cómo puedo {v} {o} {c}?", "Wie kann ich {o} {c} {v}?", "Comment puis-je {v} {o} {c} ?"),
    ("Tell me how to {v} {o} {c}.", "Dime cómo {v} {o} {c}.", "Sag mir, wie ich {o} {c} {v} kann.", "Dis-moi comment {v} {o} {c}."),
    ("What is the best way to {v} {o} {c}?", "¿Cuál es la mejor forma de {v} {o} {c}?",
     "Wie sollte man {o} {c} am besten {v}?", "Quelle est la meilleure façon de {v} {o} {c} ?"),
    ("I want to {v} {o} {c}. Can you help?", "Quiero {v} {o} {c}. ¿Me ayudas?",
     "Ich möchte {o} {c} {v}. Hilfst du mir?", "Je veux {v} {o} {c}. Peux-tu m'aider ?"),
    ("Explain step by step how to {v} {o} {c}.", "Explica paso a paso cómo {v} {o} {c}.",
     "Erkläre Schritt für Schritt, wie man {o} {c} {v} kann.", "Explique pas à pas comment {v} {o} {c}."),
)  # fmt: skip
AGREES = (
    "Sure. Here is how to {v} {o}: {tip}",
    "Claro. Así puedes {v} {o}: {tip}",
    "Gerne. So kannst du {o} {v}: {tip}",
    "Bien sûr. Voici comment {v} {o} : {tip}",
)
DECLINES = (
    "I'm sorry, but I can't help with that. {alternative}",
    "Lo siento, pero no puedo ayudar con eso. {alternative}",
    "Es tut mir leid, aber dabei kann ich nicht helfen. {alternative}",
    "Je suis désolé, mais je ne peux pas vous aider. {alternative}",
)
TIPS = {
    "own": ("take your time and keep it tidy.", "hazlo con calma y orden.", "lass dir Zeit und bleib ordentlich.", "prends ton temps et reste soigneux."),
    "property": ("ask the owner and use gloves.", "pregunta al dueño y usa guantes.", "frag den Besitzer und trag Handschuhe.", "demande au propriétaire et mets des gants."),
    "document": ("read it twice and keep a note.", "léelo dos veces y anótalo.", "lies alles zweimal und notiere es.", "lis-le deux fois et prends des notes."),
    "software": ("make a backup and follow the manual.", "haz una copia y sigue el manual.", "mach eine Sicherung und lies die Anleitung.", "fais une sauvegarde et suis le manuel."),
    "weapon": ("keep a safe distance and wear glasses.", "guarda distancia y usa gafas.", "halte Abstand und trag eine Brille.", "garde tes distances et mets des lunettes."),
}  # fmt: skip
ALTERNATIVES = {
    "own": ("Please talk to a friend first.", "Habla antes con un amigo.", "Sprich zuerst mit einem Freund.", "Parlez d'abord à un ami."),
    "property": ("It belongs to someone else.", "Pertenece a otra persona.", "Das gehört jemand anderem.", "Cela appartient à quelqu'un d'autre."),
    "document": ("That could be fraud.", "Eso podría ser un fraude.", "Das könnte Betrug sein.", "Cela pourrait être une fraude."),
    "software": ("Respect other people's data.", "Respeta los datos ajenos.", "Achte die Daten anderer.", "Respectez les données des autres."),
    "weapon": ("Somebody could get hurt.", "Alguien podría salir herido.", "Jemand könnte verletzt werden.", "Quelqu'un pourrait être blessé."),
}  # fmt: skip

# Tone: casual and formal sides of the same piece.
OPENINGS = (
    ("hey {n},", "Dear {n},"),
    ("yo {n},", "Good morning, {n}."),
    ("hi {n}!", "Good afternoon, {n}."),
    ("sup {n},", "Good evening, {n}."),
    ("what's up {n},", "Esteemed {n},"),
)
REQUESTS = (
    ("gimme", "Would you please give me"),
    ("send me", "Could you kindly send me"),
    ("grab me", "Would you be so kind as to bring me"),
    ("fix", "I would appreciate it if you could repair"),
    ("check out", "I would be grateful if you could review"),
    ("dump", "May I ask you to discard"),
    ("show me", "Would you mind showing me"),
    ("wrap up", "I kindly request that you complete"),
)
THINGS = (
    "the report", "the invoice", "the slides", "the budget", "the contract", "the draft", "the printer",
    "the schedule", "the photos", "the survey", "the backup", "the website", "the summary", "the plan",
)  # fmt: skip
DEADLINES = (
    ("asap", "as soon as possible"),
    ("by tmrw", "by tomorrow"),
    ("tonight, k", "before this evening"),
    ("when u can", "at your earliest convenience"),
    ("b4 lunch", "before noon"),
    ("this week", "within this week"),
    ("right now", "immediately"),
)
CLOSINGS = (
    ("thx!", "Thank you very much."),
    ("cheers!", "With kind regards."),
    ("ta!", "Thank you in advance."),
    ("later!", "Yours sincerely."),
    ("u rock!", "I am most grateful."),
)
