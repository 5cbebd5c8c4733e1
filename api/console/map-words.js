/** What the map says. */

import { addWords } from "./text.js";

addWords({
  en: {
    "view.label": "How devices are shown",
    "view.list": "List",
    "view.map": "Map",
    "map.label": "Map of the devices, north at the top. Arrow keys walk, Enter picks.",
    "map.hint": "Arrow keys walk, Enter picks; a district's name shows it alone.",
    "map.all": "Whole city",
    "map.district": "Show {district} alone: {n} devices",
    "map.district.one": "Show {district} alone: {n} device",
    "map.counts": "{n} devices",
    "map.counts.one": "{n} device",
    "map.placeless": "{n} devices have no place and are in the list only",
    "map.placeless.one": "{n} device has no place and is in the list only",
    "map.many": "the {n} most troubled of {all} shown: search to see fewer",
    "map.empty": "None of these devices has a place on the map.",
    "map.site": "{name}, without devices",
  },
  de: {
    "view.label": "Wie Geräte gezeigt werden",
    "view.list": "Liste",
    "view.map": "Karte",
    "map.label": "Karte der Geräte, Norden oben. Pfeiltasten gehen weiter, Enter wählt.",
    "map.hint": "Pfeiltasten gehen weiter, Enter wählt; der Name eines Bezirks zeigt ihn allein.",
    "map.all": "Ganze Stadt",
    "map.district": "{district} allein zeigen: {n} Geräte",
    "map.district.one": "{district} allein zeigen: {n} Gerät",
    "map.counts": "{n} Geräte",
    "map.counts.one": "{n} Gerät",
    "map.placeless": "{n} Geräte sind ohne Ort und stehen nur in der Liste",
    "map.placeless.one": "{n} Gerät ist ohne Ort und steht nur in der Liste",
    "map.many": "die {n} auffälligsten von {all} gezeigt: Suchen zeigt weniger",
    "map.empty": "Keines dieser Geräte hat einen Ort auf der Karte.",
    "map.site": "{name}, ohne Geräte",
  },
});
