"""What Milesight devices say of themselves, and the sizes of their answers to settings.

Source: Milesight, user guides of the products, chapter "Downlink Commands": an answer repeats the
setting. None of it is a measurement; it is known so that what follows in the frame can be read.
"""

FACTS = """
  ff 01,0b,0f,14,18,fe x1
  ff 09,0a,ff x2
  ff 1f x4
  ff 08 x6
  ff 16 x8
  ff a0 x9
  ff 7c x43
"""
"""What the device says of itself: versions, serial number, class, a start. No measurements."""

COMMAND_FACTS = """
  c8 x1
  cf,d9,df x2
  da,db x8
  d8 x16
  dd,de x32
  ee x0
"""

ANSWERS: dict[int, str] = {
    1: "04 10 25 27 28 2a 2c 2d 2e 2f 39 3b 3c 3d 3e 40 41 42 43 44 4a 51 57 64 66 68 69 6b 6d 71"
    " 84 87 97 a6 a8 a9 aa ac ad ae b3 b4 e9 eb ec f4 f5 f8",
    2: "02 03 17 1c 3a 65 77 8f a7 bd c4 f2",
    3: "05 13 6a 8a 8e ab b0 b1 ea ed ef",
    4: "11 58 7e 89 af f0",
    5: "1b 91",
    6: "75 8d",
    8: "35 88 96",
    9: "06",
    10: "ba",
}
"""Answers to a setting (ids 0xfe and 0xff): their types by the size of what they repeat."""

EXTENDED_ANSWERS: dict[int, str] = {
    1: "10 12 13 16 31 36 37 3a 48 4d 4e 66 69 6a 6b 6c 6e 6f 86 87 8b 8c a2 a3 b3",
    2: "0e 14 15 35 38 39 50 56 85 88",
    3: "0d 32 52 53 84 b2 b4",
    4: "0c 63 8d",
    5: "4a 4c 91",
    6: "51",
    7: "0b 33 b1",
    9: "34 49 4b",
    12: "4f",
}
"""The same for ids 0xf8 (one byte more, the result) and 0xf9."""

ANSWERS_OF = {
    "milesight-am307": {0x66: 1},
    "milesight-gs301": {0x66: 2},
    "milesight-at101": {0x2D: 3, 0x3C: 1, 0x8F: 1},
    "milesight-vs321": {0x65: 1},
}
"""Where a series has another size than the rest."""
