/** What the page of data quality says. */

import { addWords } from "./text.js";

addWords({
  en: {
    "quality.title": "How complete the series are",
    "quality.7d": "7 d",
    "quality.31d": "31 d",
    "quality.search": "Search device, quantity",
    "quality.sort": "Worst first by",
    "quality.loading": "Counting readings …",
    "quality.loading.some": "Counting readings … {n} series so far",
    "quality.count": "{n} series",
    "quality.count.some": "{n} of {all} series",
    "quality.empty": "No series has told anything in this span.",
    "quality.nomatch": "No series fits the search.",
    "quality.more": "Show {n} more",
    "quality.note":
      "Coverage is the share of the time by a series' own usual pause. What tells only when" +
      " something happens has none, so nothing of it can be missing.",
    "quality.all": "series",
    "quality.whole": "without a gap",
    "quality.holes": "with gaps",
    "quality.uncounted": "without a usual pause",
    "column.device": "Device",
    "column.quantity": "Quantity",
    "column.coverage": "Coverage",
    "column.count": "Readings",
    "column.longest": "Longest gap",
    "column.late": "Late",
    "column.suspect": "Suspect",
    "column.rejected": "Rejected",
    "quality.of": "{n} of {expected}",
    "quality.gap": "{age}, {start} to {end}",
    "quality.gaps": "{n} gaps",
    "quality.gaps.one": "{n} gap",
    "quality.none": "none",
    "refused.summary": "{n} messages",
    "refused.summary.one": "{n} message",
    "refused.some": "the newest {n} of {all} messages",
    "refused.jump": "in quarantine: {n}",
    "refused.newest": "newest {time}",
    "refused.sources": "from {sources}",
    "refused.help": "What the reasons mean, and what to do, is in docs/not-understood.md.",
    "refused.more": "Show {n} more",
    "refused.whole": "Fetching the whole message …",
    "refused.time": "Received",
    "retry.all": "Decode all again",
    "retry.rule": "Decode these again",
    "retry.running": "Decoding again …",
    "retry.nothing": "Nothing was there to be decoded again.",
    "retry.every":
      "All {n} are understood now. Their readings are stored with their own times, and they have" +
      " left quarantine.",
    "retry.every.one":
      "It is understood now. Its readings are stored with their own times, and it has left" +
      " quarantine.",
    "retry.some":
      "{n} of {tried} are understood now: their readings are stored, and they have left" +
      " quarantine. The others are refused as before.",
    "retry.none":
      "None of {tried} is understood yet. It takes another codec or setting: their reasons say" +
      " what was expected.",
  },
  de: {
    "quality.title": "Wie vollständig die Zeitreihen sind",
    "quality.7d": "7 Tage",
    "quality.31d": "31 Tage",
    "quality.search": "Gerät, Größe suchen",
    "quality.sort": "Schlechteste zuerst nach",
    "quality.loading": "Werte werden gezählt …",
    "quality.loading.some": "Werte werden gezählt … bisher {n} Zeitreihen",
    "quality.count": "{n} Zeitreihen",
    "quality.count.some": "{n} von {all} Zeitreihen",
    "quality.empty": "In diesem Zeitraum hat keine Zeitreihe etwas gemeldet.",
    "quality.nomatch": "Keine Zeitreihe passt zur Suche.",
    "quality.more": "{n} weitere zeigen",
    "quality.note":
      "Abdeckung ist der Anteil der Zeit, gemessen am üblichen Abstand der Reihe. Was nur" +
      " meldet, wenn etwas geschieht, hat keinen; darum kann davon nichts fehlen.",
    "quality.all": "Zeitreihen",
    "quality.whole": "ohne Lücke",
    "quality.holes": "mit Lücken",
    "quality.uncounted": "ohne üblichen Abstand",
    "column.device": "Gerät",
    "column.quantity": "Größe",
    "column.coverage": "Abdeckung",
    "column.count": "Werte",
    "column.longest": "Längste Lücke",
    "column.late": "Verspätet",
    "column.suspect": "Fraglich",
    "column.rejected": "Verworfen",
    "quality.of": "{n} von {expected}",
    "quality.gap": "{age}, {start} bis {end}",
    "quality.gaps": "{n} Lücken",
    "quality.gaps.one": "{n} Lücke",
    "quality.none": "keine",
    "refused.summary": "{n} Nachrichten",
    "refused.summary.one": "{n} Nachricht",
    "refused.some": "die neuesten {n} von {all} Nachrichten",
    "refused.jump": "in Quarantäne: {n}",
    "refused.newest": "neueste {time}",
    "refused.sources": "von {sources}",
    "refused.help":
      "Was die Gründe bedeuten und was zu tun ist, steht in docs/not-understood.md.",
    "refused.more": "{n} weitere zeigen",
    "refused.whole": "Die ganze Nachricht wird geholt …",
    "refused.time": "Empfangen",
    "retry.all": "Alle noch einmal dekodieren",
    "retry.rule": "Diese noch einmal dekodieren",
    "retry.running": "Wird noch einmal dekodiert …",
    "retry.nothing": "Es war nichts da, was zu dekodieren wäre.",
    "retry.every":
      "Alle {n} sind jetzt verständlich. Ihre Werte sind mit ihren eigenen Zeiten gespeichert," +
      " und sie haben die Quarantäne verlassen.",
    "retry.every.one":
      "Sie ist jetzt verständlich. Ihre Werte sind mit ihren eigenen Zeiten gespeichert, und sie" +
      " hat die Quarantäne verlassen.",
    "retry.some":
      "{n} von {tried} sind jetzt verständlich: Ihre Werte sind gespeichert, und sie haben die" +
      " Quarantäne verlassen. Die übrigen sind abgewiesen wie zuvor.",
    "retry.none":
      "Noch ist keine von {tried} verständlich. Es braucht einen anderen Codec oder eine andere" +
      " Einstellung: Die Gründe sagen, was erwartet war.",
  },
});
