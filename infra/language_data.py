"""Write afterhours/data/language.txt, the letter groups and words that tell languages apart.

Made of two word lists and the tables below, of nothing else: `wordfreq` (its small lists) and, for Armenian in Latin
letters, `uniparser-eastern-armenian`. A tool of ours, no part of the product; it needs no network:
    pip install wordfreq==3.1.1 && pip install --no-deps uniparser-eastern-armenian==2.1.2
    python infra/language_data.py
"""

import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import nlargest
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "layers/afterhours/python"
sys.path.insert(0, str(PACKAGE))
from afterhours.letters import features, fold  # noqa: E402  the same features here and there
from wordfreq import get_frequency_dict  # noqa: E402  it is not among our dependencies

TARGET = PACKAGE / "afterhours/data/language.txt"
HEADER = """\
# Made by infra/language_data.py; do not edit. This file, unlike the program, is licensed CC-BY-SA 4.0
# (https://creativecommons.org/licenses/by-sa/4.0/): it is derived from the word lists of wordfreq 3.1.1 by Robyn
# Speer, which hold data of OPUS OpenSubtitles 2018 (opensubtitles.org), SUBTLEX (freely available, by Marc
# Brysbaert et al.), Google Books Ngrams (http://books.google.com/ngrams), Wikipedia, ParaCrawl and the Leeds
# Internet Corpus. Column hy-Latn: uniparser-eastern-armenian 2.1.2, MIT, copyright 2006-2021 Timofey Arkhangelskiy,
# Alexei Fedorenko, Victoria Khurshudyan, Alexey Polyakov and other contributors.
# Changed by us: counted, romanised, folded, cut.
# After a line "@name classes": for each class how many nats a feature is worse than the best class, to base 12, and
# all features with these figures.
"""
LATIN = ("en", "de", "sl", "hbs", "hy-Latn", "fr", "es", "it", "pt", "hu", "tr")
CYRILLIC = ("sr-Cyrl", "mk", "ru", "uk")
VARIANTS = ("hr", "bs", "sr-Latn")
GROUPS_KEPT, WORDS_KEPT = 4500, 2000  # a class, the most frequent
MORE_WORDS_KEPT = {"sl": 20_000, "hbs": 20_000}  # the closest pair needs the most to be told apart
GROUP_FLOOR, WORD_FLOOR = 5e-7, 3e-7  # share of what a class does not have
GROUP_EXPONENT = 0.8  # customers ask about rarer things than lists of subtitles and news: frequent words count for less
WORD_WEIGHT = 2.5
WORST = 11  # nats: no single feature says more
DIGITS = "0123456789ab"

Shares = defaultdict[str, float]  # how much of its language a word or group is

SERBIAN_LETTERS = dict(zip("abvgdđežzijklmnoprstćufhcčš", "абвгдђежзијклмнопрстћуфхцчш", strict=True))
SERBIAN_PAIRS = {"lj": "љ", "nj": "њ", "dž": "џ"}

# How Armenians write Armenian in chats: two habits, both common.
ARMENIAN_LETTERS = "աբգդզէեթիլհյնշպջսվտրփօֆոճչռմձւ"
LATIN_LETTERS = "a b g d z e e t i l h y n sh p j s v t r p o f o ch ch r m dz v"
ARMENIAN = dict(zip(ARMENIAN_LETTERS, LATIN_LETTERS.split(), strict=True))
HABITS = (
    ARMENIAN | {"խ": "x", "ծ": "c", "ց": "c", "կ": "k", "ք": "q", "ը": "y", "ղ": "x", "ժ": "j"},
    ARMENIAN | {"խ": "kh", "ծ": "ts", "ց": "ts", "կ": "k", "ք": "k", "ը": "e", "ղ": "gh", "ժ": "zh"},
)
# What an Armenian says most; the lexicon has no frequencies. Earlier words weigh more.
ARMENIAN_FREQUENT = """
է եմ եք են ես ու և որ չի մի այդ այս ինչ ի որտեղ ոնց ինչպես երբ որքան ինչքան համար հետ կա չկա ունեք ունեմ չունեմ ունի
կարող կարելի դուք դու նա մենք նրանք իմ մեր ձեր քո իր իրենց ինձ ձեզ քեզ մեզ նրան հիմա այսօր վաղը երեկ էլ բայց կամ եթե
թե արդեն դեռ շատ քիչ լավ վատ բարև բարի օր երեկո ողջույն շնորհակալ շնորհակալություն մերսի խնդրում ցանկանում ուզում էի
էիր էր էինք էիք էին չեմ չեք չեն չէ ոչ այո հա ինչու որովհետև քանի մինչև ժամը ժամ ժամին ժամի օրը օրեր առավոտ գիշեր
շաբաթ կիրակի երկուշաբթի երեքշաբթի չորեքշաբթի հինգշաբթի ուրբաթ մոտ մոտիկ այստեղ այնտեղ վրա մեջ տակ մասին հետո առաջ
առանց նոր հին մեծ փոքր մեկ երկու երեք չորս հինգ վեց յոթ ութ ինը տաս հատ մարդ հարց հարցեր պատասխան պետք ասեք ասել
գրել գրեք տալ տվեք ստանալ ստացել գնել վճարել վճարում արժե գին գինը գնով փող գումար դրամ քարտ քարտով կանխիկ պատվեր
պատվերը պատվիրել առաքում առաքել խանութ հասցե հեռախոս համարը նամակ կայք չափ չափս գույն հյուրանոց սենյակ ճաշ գալ գնալ
գա եկել արել անել անում լինի լինել կլինի եղել եղավ տեսնել գիտեք գիտեմ չգիտեմ հնարավոր կապ կապվել զանգել զանգեք օգնել
օգնեք օգնություն ամեն բոլոր ոչինչ ուրիշ նույն մյուս իսկ նաև միայն հենց այնպես այսպես ուրեմն երբեք միշտ շուտ ուշ արագ
բաց փակ աշխատում աշխատանք խնդիր սխալ
"""
ENDINGS = {  # after a noun and after the stem of a verb
    "N": ("", "", "ը", "ը", "ն", "ի", "ի", "ին", "ով", "ից", "ում", "եր", "ներ", "ները", "ներ", "ների"),
    "V": ("ել", "ում", "ում", "եց", "եցի", "եմ", "եք", "ած", "ելու", "ի", "եցին", "եցիր"),
}

# Croatian, Bosnian, Serbian: who says it, then the words, folded; a word may stand in two rows. Pairs of one word with
# and without j (vrijeme/vreme, htio/hteo) come from the list itself.
MARKERS = {
    "hr": """bok datoteka dio dogadjaj dvojba glazba glazbe gospodarstvo itko izbornik izvjesce juha kava kave
        kavu kazaliste kolodvor kolovoz kolovoza kruh kruha krumpir kuna kune lijecnik lipanj lipnja
        listopad listopada ljekarna mrkva narucitelj narudzba narudzbe narudzbi narudzbu nazalost neovisno
        netko nitko nogomet obavijest obavijesti obitelj obitelji odgadja odvjetnik odvjetnika opcenito
        ozujak ozujka pisac poslodavac poveznica povijest povrat povrata prosinac prosinca putovnica
        putovnice putovnicu racunala racunalo rajcica rujan rujna sijecanj sijecnja skupina sljedece
        sljedeci srpanj srpnja stoljece studeni studenog studenoga sudjelovati suglasnost suradnja suradnje
        susjed sustav sustava svatko svibanj svibnja takodjer tijek tijekom tisuca tisuce tisucu tjedan
        tjedana tjedna tjedni tjedno tjednu tko tocan tocka tocke tockica tocna tocno travanj travnja
        trgovina trgovine trgovini tvornica tvrtka tvrtke tvrtki tvrtku umirovljenik unatoc uopce upit upita
        uvjet uvjete uvjeti veljaca veljace vlak vlakom voljeli vrhnje zahtjev zaposlenici zaposlenik
        zaposlenika zaslon zeludac zlica zrak zrakoplov zupanija""",
    "bs": """advokat apoteka april aprila august avgust avgusta avion decembar decembra dio fabrika fabrike
        februar februara firma firme fudbal hajde hemija hiljada hiljade hiljadu historija historije hljeb
        hljeba iko izvjestaj januar januara jula juli juna juni kahva kahve kahvu kancelarija kancelarije
        kancelariji kasika km ko krompir kupovina lahko maraka marke mart marta mehko muzika muzike narudzba
        narudzbe narudzbi narudzbu neko niko novembar novembra obavijest obavijesti oktobar oktobra opcina
        opcine paradajz pasos pasosa ponedjeljak porodica porodice prodavnica prodavnice prodavnici
        prodavnicu racunar sajt saobracaj saradnja saradnje sedmica sedmice sedmici sedmicno sedmicu selam
        septembar septembra sljedece sljedeci sta supa svako tacan tacka tacna tacno takodjer uopce
        uposlenici uposlenik uposlenika uslov uslove uslovi vazduh voz zahtjev""",
    "sr-Latn": """advokat apoteka april aprila avgust avgusta avion decembar decembra deo dinar dinara evra evro
        fabrika fabrike februar februara firma firme fudbal gde hajde hemija hiljada hiljade hiljadu hleb
        hleba iko istorija istorije izvestaj januar januara jul jula jun juna kancelarija kancelarije
        kancelariji kasika ko kompjuter krompir kupovina mart marta muzika muzike nedelja nedelje nedelji
        nedeljno nedeljom nedelju negde neko nigde niko novembar novembra obavestenja obavestenje oktobar
        oktobra onde opste opsti opstina opstine ovde paradajz pasos pasosa patike ponedeljak ponedeljka
        porodica porodice porucila porucim porucio poruciti porudzbina porudzbine porudzbini porudzbinu
        povracaj povracaja pozoriste preduzece prodavnica prodavnice prodavnici prodavnicu racunar
        recepcioner rsd sajt sajtu saobracaj saradnja saradnje sargarepa septembar septembra sledeca sledece
        sledeci spisak sta supa svako tacan tacka tacna tacno takode takodje ucestvovati uopste uslov uslove
        uslovi vazduh voz zahtev""",
}
WEAK_MARKERS = {"hr": "sto"}  # što; without its hook it is also a hundred, and Serbian has it in other places
# Serbian "mogu da platim", Croatian "mogu platiti".
DA_VERBS = """mogu mozete moze mozemo mozes zelim zelimo zelite zeleo zelela hocu hoce hocete treba trebate trebalo
    moram morate mora htela hteo hteli bih uspem uspevam planiram nameravam"""
INFINITIVE_VERBS = """mogu mozete moze mozemo mozes zelim zelimo zelite zelio zeljela htio htjela htjeli trebam trebate
    moram morate mora bih"""
HAND, PAIR, CONSTRUCTION, WEAK = 3, 2, 2, 1  # nats against the others


def main() -> None:
    hbs = word_list("sh")
    lists = {name: word_list(name) for name in (*LATIN, *CYRILLIC) if name not in {"hbs", "hy-Latn", "sr-Cyrl"}}
    lists |= {
        "hbs": hbs,
        "hy-Latn": romanised_armenian(),
        "sr-Cyrl": {serbian_cyrillic(word): share for word, share in hbs.items()},
    }
    blocks = [block("Latn", LATIN, table({name: lists[name] for name in LATIN}))]
    blocks += [block("Cyrl", CYRILLIC, table({name: lists[name] for name in CYRILLIC}))]
    blocks += [block("hbs", VARIANTS, variants(hbs))]
    TARGET.write_text(HEADER + "".join(blocks), encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {sum(text.count(chr(9)) for text in blocks):,} features")


def word_list(language: str) -> dict[str, float]:
    words: dict[str, float] = get_frequency_dict(language, "small")
    return {word: share for word, share in words.items() if word.replace("'", "").isalpha()}


def serbian_cyrillic(word: str) -> str:
    for pair, letter in SERBIAN_PAIRS.items():
        word = word.replace(pair, letter)
    return "".join(SERBIAN_LETTERS.get(letter, letter) for letter in word)


def romanised_armenian() -> dict[str, float]:
    """Half the weight on the frequent words, half on the forms of the whole lexicon."""
    shares: defaultdict[str, float] = defaultdict(float)
    frequent = ARMENIAN_FREQUENT.split()
    total = sum(1 / (rank + 10) for rank in range(len(frequent)))
    lexicon = list(armenian_forms())
    weighed = [(word, 1 / (rank + 10) / total) for rank, word in enumerate(frequent)]
    weighed += [(word, 1 / len(lexicon)) for word in lexicon]
    for word, share in weighed:
        for habit in HABITS:
            shares[romanise(word, habit)] += share / 2 / len(HABITS)
    return dict(shares)


def armenian_forms() -> Iterable[str]:
    data = Path(
        str(distribution("uniparser-eastern-armenian").locate_file("uniparser_eastern_armenian/data/lexemes.txt"))
    )
    entry = re.compile(r"-lexeme\n lex: (.+)\n stem: .*\n gramm: (\w+).*\n gloss: (.+)")
    for word, part, gloss in entry.findall(data.read_text(encoding="utf-8")):
        if gloss == "STEM" or not word.isalpha():  # rare words have no gloss
            continue
        stem = word.lower()[:-2] if part == "V" else word.lower()
        yield from (stem + ending for ending in ENDINGS.get(part, ("",)))


def romanise(word: str, habit: Mapping[str, str]) -> str:
    word = word.replace("և", "եվ").replace("ու", "\0")
    word = re.sub("^ե(?!վ)", "յէ", re.sub("^ո", "վօ", word))
    return "".join("u" if letter == "\0" else habit.get(letter, "") for letter in word)


def table(lists: Mapping[str, Mapping[str, float]]) -> dict[str, list[int]]:
    """For each feature worth keeping how much worse each class explains it than the best one does, in nats."""
    groups = {name: letter_groups(shares) for name, shares in lists.items()}
    words = {name: whole_words(shares) for name, shares in lists.items()}
    rows = compared(groups, dict.fromkeys(lists, GROUPS_KEPT), GROUP_FLOOR)
    for word, row in compared(words, dict.fromkeys(lists, WORDS_KEPT) | MORE_WORDS_KEPT, WORD_FLOOR).items():
        rows[word] = [old + WORD_WEIGHT * new for old, new in zip(rows.get(word, [0] * len(row)), row, strict=True)]
    whole = {name: [min(round(value), WORST) for value in row] for name, row in rows.items()}
    return {name: row for name, row in whole.items() if any(row)}


def letter_groups(shares: Mapping[str, float]) -> Shares:
    counts: Shares = defaultdict(float)
    for word, share in shares.items():
        for spelling, part in spellings(word):
            for feature in features(spelling):
                if feature != f"_{fold(spelling)}_":
                    counts[feature] += share**GROUP_EXPONENT * part
    return counts


def whole_words(shares: Mapping[str, float]) -> Shares:
    counts: Shares = defaultdict(float)
    for word, share in shares.items():
        for spelling, part in spellings(word):
            counts[f"_{fold(spelling)}_"] += share * part
    return counts


def spellings(word: str) -> list[tuple[str, float]]:
    """How else it is typed without its own letters: für, fuer; također, takoder (folded: takodjer)."""
    word = word.replace("'", "")
    if "đ" in word:
        return [(word, 0.7), (word.replace("đ", "d"), 0.3)]
    if re.search("[äöü]", word):
        return [(word, 0.8), (word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"), 0.2)]
    return [(word, 1.0)]


def compared(counts: Mapping[str, Shares], kept: Mapping[str, int], floor: float) -> dict[str, list[float]]:
    """The most frequent features of every class, each with its row over all classes."""
    totals = {name: sum(count.values()) for name, count in counts.items()}
    chosen = {
        feature for name, count in counts.items() for feature in nlargest(kept[name], count, key=count.__getitem__)
    }
    rows = {}
    for feature in chosen:
        logs = [math.log(count.get(feature, 0) / totals[name] + floor) for name, count in counts.items()]
        rows[feature] = [max(logs) - log for log in logs]
    return rows


def variants(hbs: Mapping[str, float]) -> dict[str, list[int]]:
    rows = marker_rows(MARKERS, HAND) | marker_rows(WEAK_MARKERS, WEAK)
    folded: Shares = defaultdict(float)
    for word, share in hbs.items():
        folded[fold(word)] += share
    for with_j, without in yat_pairs(folded):
        rows.setdefault(with_j, [0, 0, PAIR])
        rows.setdefault(without, [PAIR, PAIR, 0])
    rows |= {f"{verb} da": [CONSTRUCTION, CONSTRUCTION // 2, 0] for verb in DA_VERBS.split()}
    rows |= {f"{verb} -{end}": [0, 0, WEAK] for verb in INFINITIVE_VERBS.split() for end in ("ti", "ci")}
    return rows


def marker_rows(markers: Mapping[str, str], weight: int) -> dict[str, list[int]]:
    said_by: defaultdict[str, set[str]] = defaultdict(set)
    for variant, words in markers.items():
        for word in words.split():
            said_by[word].add(variant)
    return {word: [0 if name in names else weight for name in VARIANTS] for word, names in said_by.items()}


def yat_pairs(shares: Mapping[str, float]) -> Iterable[tuple[str, str]]:
    """Words that are also there without their j, about as frequent: another word that only looks alike seldom is."""
    for word, share in shares.items():
        for pattern, plain in ((r"ije(?=\w)", "e"), (r"(?<=[bcdlmnprstvz])je(?=\w)", "e"), (r"(?<=\w)io$", "eo")):
            without = re.sub(pattern, plain, word, count=1)
            if without != word and len(without) > 2 and share / 12 < shares.get(without, 0) < share * 12:
                yield word, without


def block(name: str, classes: tuple[str, ...], rows: Mapping[str, list[int]]) -> str:
    """One line a row of figures, with all features that have it."""
    alike = defaultdict(list)
    for feature, row in rows.items():
        alike["".join(DIGITS[value] for value in row)].append(feature)
    lines = ["\t".join([row, *sorted(alike[row])]) for row in sorted(alike)]
    return "\n".join([f"@{name} {' '.join(classes)}", *lines, ""])


if __name__ == "__main__":
    main()
