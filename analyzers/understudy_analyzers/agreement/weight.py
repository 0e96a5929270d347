"""How much a word says: little when it only binds others."""

# ruff: noqa: E501 - word lists read better unbroken

_BINDING = frozenset(
    (
        # English
        "a an the this that these those it its it's he him his she her they them their theirs we us our you your i me my mine myself itself himself "
        "of in on at to for from by with into onto about over under through during between among against as than then so such "
        "and or but if because while when where which who whom whose what how why there here also just very too quite rather "
        "be is are was were been being am do does did done have has had having will would shall should can could may might must "
        "s t re ve ll d m some any all each every both either other another own same more most much many few one ones up out off down again "
        # Spanish, Portuguese, French, Italian, German
        "el la los las un una unos unas de del y o que en por para con se su sus es son fue como más lo le les al este esta esto ese esa "
        "os as um uma do da dos das e em no na nos nas por com se seu sua são foi mais ao "
        "le les des du et ou que qui dans pour par avec ce cette ces son sa ses est sont été plus au aux il elle ils elles on ne pas "
        "il lo gli i uno di del della dei delle che per con si suo sua sono è più al alla nel nella "
        "der die das den dem des ein eine einer einem einen und oder dass zu zum zur im am mit von für auf aus bei als auch ist sind war waren wird werden hat haben er sie es wir ihr"
    ).split()
)  # fmt: skip

DENIALS = frozenset(
    "not no never none nothing nobody neither nor without nicht kein keine nie ni nunca sin ningún não nunca sem non mai senza pas jamais sans не нет нельзя".split()
)
"""Words that turn a statement round."""

BINDING = 0.1
"""Weight of a word that only binds, beside 1 of any other."""


def weight(word: str) -> float:
    """What a word says beside others."""
    return BINDING if word in _BINDING or "\u3040" <= word[0] < "\u30a0" else 1.0
